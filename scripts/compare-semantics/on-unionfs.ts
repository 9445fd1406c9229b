/* memfs and unionfs: one volume a layer, the upper last, as unionfs's README stacks them. */

import { Volume } from 'memfs';
import { Union } from 'unionfs';
import { type PromisesLike, callsOf } from './calls.ts';
import { installedVersion } from './installed.ts';
import { type Mounted, type Seed, type Subject, directoriesOf, filesOf } from './subject.ts';

function volumeOf(seed: Seed): Volume {
  const volume = new Volume();
  for (const path of directoriesOf(seed)) volume.mkdirSync(path);
  for (const [path, text] of filesOf(seed)) volume.writeFileSync(path, text, { mode: 0o644 });
  return volume;
}

async function mount(lowers: readonly Seed[]): Promise<Mounted> {
  const upper = new Volume();
  const volumes = [...lowers.map(volumeOf).toReversed(), upper];
  const open = () => {
    const union = new Union();
    // It asks for less of `fs` than its types say.
    for (const volume of volumes) union.use(volume as unknown as Parameters<Union['use']>[0]);
    // They are private in its types alone.
    return callsOf((union as unknown as { readonly promises: PromisesLike }).promises);
  };
  return {
    fs: open(),
    reload: async () => open(),
    lowerText: async (path) => String(volumes[0]!.readFileSync(path, 'utf8')),
    upperBytes: async () => Object.values(upper.toJSON()).reduce((sum, text) => sum + (text?.length ?? 0), 0),
  };
}

export const unionfs: Subject = {
  title: 'memfs + unionfs',
  version: `${installedVersion('memfs')} + ${installedVersion('unionfs')}`,
  setup:
    '`new Union().use(lower).use(upper)`, each a `Volume` of `memfs`. unionfs passes a call to the upper, and to the lower when the upper refuses it; this ' +
    'version has no way to declare a volume read-only. Nothing is stored: for a reload the volumes are kept, as with `toJSON()`.',
  layers: 'many',
  mount,
};
