export interface Tide {
  readonly kind: 'high' | 'low';
  readonly at: Date;
}

/** Half a lunar day divided by two: the time between high and low water. */
const QUARTER = 6 * 60 + 12.6;
const REFERENCE = Date.UTC(2025, 0, 1, 3, 20);

/** The next two turns of the tide after `now`, the sooner first. */
export function tides(now: Date): [Tide, Tide] {
  const minutes = (now.getTime() - REFERENCE) / 60_000;
  const turn = Math.ceil(minutes / QUARTER);
  return [tide(turn), tide(turn + 1)];
}

function tide(turn: number): Tide {
  return { kind: turn % 2 === 0 ? 'high' : 'low', at: new Date(REFERENCE + turn * QUARTER * 60_000) };
}
