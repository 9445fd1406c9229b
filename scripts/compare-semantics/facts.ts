/* The facts that are compared: what POSIX, and Linux OverlayFS where it is about layers, promise of a file system. */

import { CONCURRENCY } from './facts-concurrency.ts';
import { COPY_UP } from './facts-copy-up.ts';
import { DELETION } from './facts-deletion.ts';
import { IDENTITY } from './facts-identity.ts';
import { RENAME } from './facts-rename.ts';
import { STORAGE } from './facts-storage.ts';
import type { Scene } from './scene.ts';
import type { Seed } from './subject.ts';

export interface Fact {
  readonly name: string;
  /** Topmost first. */
  readonly lowers: readonly Seed[];
  /** Throws where the fact does not hold. `again` mounts the same lowers afresh. */
  check(scene: Scene, again: () => Promise<Scene>): Promise<void>;
}

export interface FactGroup {
  readonly title: string;
  readonly facts: readonly Fact[];
}

export const FACT_GROUPS: readonly FactGroup[] = [
  { title: 'Deleting', facts: DELETION },
  { title: 'Renaming', facts: RENAME },
  { title: 'Changing what a lower has', facts: COPY_UP },
  { title: 'Open files, links and names', facts: IDENTITY },
  { title: 'Many calls at once', facts: CONCURRENCY },
  { title: 'A storage that fails, a page that ends', facts: STORAGE },
];

export const FACTS: readonly Fact[] = FACT_GROUPS.flatMap(({ facts }) => facts);
