/* memfs and unionfs: one volume a layer, the upper last, as unionfs's README stacks them. */

import { createRequire } from 'node:module';
import { Volume } from 'memfs';
import { type PromisesLike, callsOf } from './calls.ts';
import { installedVersion } from './installed.ts';
import { type Mounted, type Seed, type Seen, type Subject, bytesOf, directoriesOf, filesOf, stateOf } from './subject.ts';

// Its own types hide `promises`, and ask for more of `fs` than it uses.
const { Union } = createRequire(import.meta.url)('unionfs') as {
  readonly Union: new () => { use(volume: Volume): unknown; readonly promises: PromisesLike };
};

function volumeOf(seed: Seed): Volume {
  const volume = new Volume();
  for (const path of directoriesOf(seed)) volume.mkdirSync(path);
  for (const [path, text] of filesOf(seed)) volume.writeFileSync(path, text, { mode: 0o644 });
  return volume;
}

const lookInto =
  (volume: Volume) =>
  async (path: string): Promise<Seen> => {
    const mode = Number(volume.statSync(path).mode);
    if (volume.statSync(path).isDirectory()) return { mode, names: volume.readdirSync(path).map(String) };
    return { mode, text: String(volume.readFileSync(path, 'utf8')) };
  };

async function mount(lowers: readonly Seed[]): Promise<Mounted> {
  const upper = new Volume();
  const volumes = [...lowers.map(volumeOf).toReversed(), upper];
  const open = () => {
    const union = new Union();
    for (const volume of volumes) union.use(volume);
    return callsOf(union.promises);
  };
  return {
    fs: open(),
    reload: async () => open(),
    lowerState: async () => (await Promise.all(volumes.slice(0, -1).map((volume) => stateOf(lookInto(volume))))).join('\n'),
    upperBytes: () => bytesOf(lookInto(upper)),
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
