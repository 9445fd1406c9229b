/*
 * Every case of the semantics table against the engine. The expectations are the Linux kernel's. Where stratafs differs on purpose,
 * the case is in `DIFFERENCES` with the reason and what is expected instead; where it cannot be run, in `NOT_APPLICABLE`. There
 * is no third way: a case that fails is a defect.
 */

import { describe, expect, onTestFinished, test } from 'vitest';

import { CaseMachine } from '../support/case-machine.ts';
import type { UpperImage } from '../../src/layer/upper.ts';
import { dumpUpper } from '../support/dump-upper.ts';
import { NOT_APPLICABLE, type SemanticCase, applicableCases, semanticCases } from '../support/semantic-cases.ts';
import { snapshotTree } from '../support/snapshot-tree.ts';

interface Difference {
  readonly reason: string;
  /** Expected results by position of the operation, where they differ. */
  readonly results?: ReadonlyMap<number, string>;
  /** The upper afterwards, where it differs. */
  readonly after?: string | null;
}

const WHOLE = { with: ['ino', 'mtime'] } as const;

const REDIRECT = 'redirect_dir is always on: renaming a directory of a lower works';
const OPAQUE =
  'index and redirect_dir are always on: a new directory in a merged parent is marked opaque (the kernel does the same, see M03b)';

const DIFFERENCES: ReadonlyMap<string, Difference> = new Map<string, Difference>([
  ['D06', { reason: OPAQUE, after: 'd/!' }],
  ['M03', { reason: OPAQUE, after: 'd/!' }],
  ['R06', { reason: REDIRECT, results: results([0, 'ok'], [1, 'ENOENT']), after: 'd~ e/>d' }],
  ['R10', { reason: REDIRECT, results: results([1, 'ok']), after: 'd~ e/>d e/n=n' }],
  ['P06', { reason: 'an upper has one owner, as with index=on (P06b)', results: results([0, 'EBUSY']) }],
  ['R28', { reason: REDIRECT, results: results([0, 'ok']), after: 'd~ e/>d' }],
]);

/** Cases that wait for a later issue. They are run, and must fail: one that passes is to be taken out of here. */
const PENDING: ReadonlyMap<string, string> = new Map<string, string>();

describe('semantic cases of the kernel', () => {
  test('the table is whole, and every exception names a case', () => {
    expect(semanticCases.length).toBe(119);
    expect(new Set(semanticCases.map(({ id }) => id)).size).toBe(119);
    const ids = new Set(semanticCases.map(({ id }) => id));
    for (const id of [...DIFFERENCES.keys(), ...NOT_APPLICABLE.keys(), ...PENDING.keys()]) expect(ids, id).toContain(id);
  });

  for (const [id, reason] of NOT_APPLICABLE) test.skip(`${id} [not applicable: ${reason}]`);

  for (const semanticCase of applicableCases) {
    const difference = DIFFERENCES.get(semanticCase.id);
    const note = difference === undefined ? '' : ` [differs: ${difference.reason}]`;
    const pending = PENDING.get(semanticCase.id);
    const name = `${semanticCase.id} ${semanticCase.title}${note}`;
    if (pending === undefined) test(name, () => run(semanticCase, difference));
    else test.fails(`${name} [pending: ${pending}]`, () => run(semanticCase, difference));
  }
});

function results(...pairs: readonly (readonly [position: number, result: string])[]): ReadonlyMap<number, string> {
  return new Map(pairs);
}

async function run(semanticCase: SemanticCase, difference: Difference | undefined): Promise<void> {
  const machine = await CaseMachine.mount(semanticCase);
  onTestFinished(() => machine.overlay.close());
  const [actual, expected]: [string[], string[]] = [[], []];
  for (const [i, op] of semanticCase.ops.entries()) {
    const call = op.slice(0, op.indexOf('=>'));
    actual.push(`${call.join(' ')} => ${await machine.run(call)}`);
    expected.push(`${call.join(' ')} => ${difference?.results?.get(i) ?? op.at(-1)}`);
  }
  expect(actual).toEqual(expected);
  if (machine.upper === undefined) return;
  const tree = await snapshotTree(machine.fs, '/', WHOLE);
  const image = await machine.image();
  expect(await snapshotTree(machine.fs, '/', WHOLE), 'the tree after a remount').toEqual(tree);
  const after = difference?.after === undefined ? semanticCase.after : difference.after;
  if (after !== null) await expectUpper(machine, image, after);
}

async function expectUpper(machine: CaseMachine, image: UpperImage, after: string): Promise<void> {
  const marks = after === '' ? [] : after.split(' ');
  const metacopies = new Set(marks.filter((mark) => mark.endsWith('#META')).map((mark) => mark.slice(0, -'#META'.length)));
  expect(await dumpUpper(image, machine.fs, metacopies)).toEqual([...marks].sort());
}
