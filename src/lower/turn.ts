/* Giving others their turn in the middle of long work. */

/** https://wicg.github.io/scheduling-apis/ : Chromium and Firefox have it. */
interface Scheduler {
  postTask(task: () => void): Promise<void>;
}

/** Lets everything run that waits already. Where there is no scheduler, browsers make a repeated timer wait for four milliseconds. */
export async function nextTurn(): Promise<void> {
  const { scheduler } = globalThis as { readonly scheduler?: Partial<Scheduler> };
  if (scheduler?.postTask !== undefined) await scheduler.postTask(() => undefined);
  else await new Promise<void>((resolve) => setTimeout(resolve));
}

/** Lets a request go out that was just made, before something long begins here: on its way to the network it waits for its turn. Hears no failure. */
export async function goesOut(request: Promise<unknown>): Promise<void> {
  request.catch(() => undefined);
  await nextTurn();
}
