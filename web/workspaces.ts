/* The workspaces of this browser that the demo knows of. The address says which one is open. */

import { recallList, remember } from './ui/memory.ts';

const FIRST = 'tide-clock';
const KNOWN = 'workspaces';
const PARAMETER = 'workspace';

/** The name in the address, or that of the first workspace. */
export function currentWorkspace(): string {
  return new URLSearchParams(location.search).get(PARAMETER) ?? FIRST;
}

/** Every workspace that was open in this browser, the current one included. */
export function knownWorkspaces(): string[] {
  return [...new Set([FIRST, ...recallList(KNOWN), currentWorkspace()])];
}

/** Remembers the current workspace for the list. */
export function noteWorkspace(): void {
  remember(KNOWN, JSON.stringify(knownWorkspaces()));
}

/** A name that no known workspace has. */
export function freshName(): string {
  const known = new Set(knownWorkspaces());
  for (let number = 2; ; number++) {
    const name = `${FIRST}-${number}`;
    if (!known.has(name)) return name;
  }
}

/** Opens a workspace by loading the page for it. */
export function goTo(name: string): void {
  const address = new URL(location.href);
  if (name === FIRST) address.searchParams.delete(PARAMETER);
  else address.searchParams.set(PARAMETER, name);
  location.assign(address);
}
