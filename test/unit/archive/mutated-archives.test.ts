/* Archives changed at random: always right bytes or a POSIX error that names the archive, and nothing else. */

import { describe, expect, test } from 'vitest';
import { judge, mutate, randomNumbers, sampleArchives, type Outcome } from '../../support/mutate-archives.ts';

const SEED = 20_261_120;
const PER_SAMPLE = 800;

describe(`with the seed ${SEED}`, () => {
  test.each(sampleArchives().map((sample, i) => [`${sample.kind} ${i}`, sample] as const))('%s', async (_, sample) => {
    const random = randomNumbers(SEED + sample.bytes.length);
    const outcomes = new Map<Outcome, number>();
    for (let i = 0; i < PER_SAMPLE; i++) {
      const outcome = await judge({ ...sample, bytes: mutate(sample.bytes, random) }, i % 2 === 0 ? undefined : 1 + (i % 700));
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    // A test that sees no failure, or nothing else, does not test.
    expect(outcomes.get('refused')).toBeGreaterThan(PER_SAMPLE / 10);
    if (sample.kind === 'zip' || sample.kind === 'tar') expect(outcomes.get('served')).toBeGreaterThan(PER_SAMPLE / 50);
    expect(await judge(sample)).toBe('served');
  });
});
