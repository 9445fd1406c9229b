import { format, formatDistanceStrict } from 'date-fns';
import { tides } from './tides.ts';

const clock = document.querySelector('#clock');

/** Shows the next high and low water, and counts down to the sooner one. */
function draw(now: Date): void {
  const [next, after] = tides(now);
  clock?.replaceChildren(
    line('now', format(now, 'HH:mm')),
    line(`${next.kind} water in`, formatDistanceStrict(now, next.at)),
    line(`then ${after.kind} water at`, format(after.at, 'HH:mm')),
  );
}

function line(label: string, value: string): HTMLElement {
  const row = document.createElement('p');
  row.append(`${label} `, Object.assign(document.createElement('strong'), { textContent: value }));
  return row;
}

draw(new Date());
setInterval(() => draw(new Date()), 60_000);
