/* The kernel's own overlayfs, to check the facts themselves. Needs Linux and root; runs in a mount namespace of its own. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, promises, readFileSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PromisesLike, callsOf } from './calls.ts';
import { type Mounted, type Seed, type Seen, type Subject, directoriesOf, filesOf, stateOf } from './subject.ts';

const OPTIONS = 'redirect_dir=on,index=on,metacopy=on,xino=on';

let workspace: string | undefined;
let mounts = 0;

function run(command: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
}

/** A tmpfs that only this process sees, and that goes with it. */
function ownWorkspace(): string {
  if (workspace !== undefined) return workspace;
  workspace = mkdtempSync(join(tmpdir(), 'stratafs-compare-'));
  const made = workspace;
  run('mount', '-t', 'tmpfs', 'tmpfs', made);
  process.once('exit', () => {
    run('umount', '-l', made);
    rmdirSync(made);
  });
  return workspace;
}

function makeLower(folder: string, seed: Seed): string {
  mkdirSync(folder);
  for (const path of directoriesOf(seed)) mkdirSync(folder + path);
  for (const [path, text] of filesOf(seed)) writeFileSync(folder + path, text, { mode: 0o644 });
  return folder;
}

/** Bytes that the files of a folder take: what was not copied is a hole. */
function storedBytes(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name)))
    .reduce((sum, { blocks, size }) => sum + Math.min(blocks * 512, size), 0);
}

const lookInto =
  (folder: string) =>
  async (path: string): Promise<Seen> => {
    const { mode } = statSync(folder + path);
    if (statSync(folder + path).isDirectory()) return { mode, names: readdirSync(folder + path) };
    return { mode, text: readFileSync(folder + path, 'utf8') };
  };

/** The promises of Node below a folder. */
function promisesBelow(folder: string): PromisesLike {
  return {
    readFile: (path, encoding) => promises.readFile(folder + path, encoding),
    writeFile: (path, text) => promises.writeFile(folder + path, text),
    appendFile: (path, text) => promises.appendFile(folder + path, text),
    mkdir: (path) => promises.mkdir(folder + path),
    rmdir: (path) => promises.rmdir(folder + path),
    unlink: (path) => promises.unlink(folder + path),
    rename: (from, to) => promises.rename(folder + from, folder + to),
    readdir: (path) => promises.readdir(folder + path),
    stat: (path) => promises.stat(folder + path),
    chmod: (path, mode) => promises.chmod(folder + path, mode),
    link: (existing, path) => promises.link(folder + existing, folder + path),
    symlink: (target, path) => promises.symlink(target, folder + path),
    open: (path, flags) => promises.open(folder + path, flags),
  };
}

async function mount(lowers: readonly Seed[]): Promise<Mounted> {
  const place = join(ownWorkspace(), String(++mounts));
  mkdirSync(place);
  const folders = lowers.map((seed, n) => makeLower(join(place, `lower${n}`), seed));
  const [upper, work, merged] = ['upper', 'work', 'merged'].map((name) => join(place, name)) as [string, string, string];
  for (const folder of [upper, work, merged]) mkdirSync(folder);
  const options = `lowerdir=${folders.join(':')},upperdir=${upper},workdir=${work},${OPTIONS}`;
  run('mount', '-t', 'overlay', 'overlay', '-o', options, merged);
  return {
    fs: callsOf(promisesBelow(merged)),
    async reload() {
      run('umount', merged);
      run('mount', '-t', 'overlay', 'overlay', '-o', options, merged);
      return callsOf(promisesBelow(merged));
    },
    lowerState: async () => (await Promise.all(folders.map((folder) => stateOf(lookInto(folder))))).join('\n'),
    upperBytes: async () => storedBytes(upper),
    close: async () => run('umount', '-l', merged),
  };
}

export const linux: Subject = {
  title: 'Linux OverlayFS',
  version: release().split('-')[0] ?? release(),
  setup: `The kernel, mounted with \`${OPTIONS}\`, through Node's \`fs.promises\`: the reference that the facts were checked with.`,
  layers: 'many',
  mount,
};
