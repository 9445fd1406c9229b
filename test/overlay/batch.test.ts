/* A batch is one commit: all of it or none, unseen until then, and in nobody's way. */

import { describe, expect, onTestFinished, test } from 'vitest';

import type { BatchFs } from '../../src/fs/api.ts';
import { beginBatch } from '../../src/fs/batch.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { Bench, names } from '../support/bench.ts';
import { type FaultyUpper, faultyUpper } from '../support/faulty-upper.ts';
import { lower, treeLayer } from '../support/memory-layer.ts';
import { dir, file, symlink, tree } from '../support/tree.ts';

const layers = () => [
  lower(dir('d', file('x', 'X'), dir('e', file('y', 'Y'))), file('a', 'A')),
  lower(dir('d', file('z', 'Z')), symlink('l', 'a'), dir('other', file('o'))),
];

async function bench(): Promise<{ on: Bench; upper: FaultyUpper }> {
  const upper = faultyUpper();
  return { on: await Bench.mount(layers(), { upper }), upper };
}

/** A promise and what settles it. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

async function everyKind(fs: BatchFs): Promise<void> {
  await fs.writeFile('/d/new', 'new');
  await fs.appendFile('/d/x', '+');
  await fs.rm('/d/e', { recursive: true });
  await fs.rename('/d', '/moved');
  await fs.mkdir('/d/p/q', { recursive: true });
  await fs.copyFile('/moved/new', '/d/p/copy');
  await fs.link('/a', '/d/twin');
  await fs.symlink('../a', '/d/link');
  await fs.truncate('/a', 0);
  await fs.chmod('/other/o', 0o600);
  await fs.setxattr('/other', 'user.k', new Uint8Array([1]));
  await fs.cp('/moved', '/other/all', { recursive: true });
}

describe('a batch', () => {
  test('is one commit, of the same tree as its calls one by one', async () => {
    const { on, upper } = await bench();
    const single = await Bench.mount(layers());
    await everyKind(single.fs);
    const before = upper.commits.length;
    await on.overlay.batch(everyKind);
    expect(upper.commits.length).toBe(before + 1);
    expect(await on.settledTree()).toEqual(await single.settledTree());
    expect(await on.overlay.check()).toEqual([]);
  });

  test('gives back what its callback gives', async () => {
    const { on } = await bench();
    expect(await on.overlay.batch((fs) => fs.readFile('/a', 'utf8'))).toBe('A');
  });

  test('sees its own changes, and nobody else does until it is committed', async () => {
    const { on } = await bench();
    await on.overlay.batch(async (fs) => {
      await fs.writeFile('/a', 'mine');
      await fs.rm('/d', { recursive: true });
      expect(await fs.readFile('/a', 'utf8')).toBe('mine');
      expect(await fs.exists('/d')).toBe(false);
      expect(await on.fs.readFile('/a', 'utf8')).toBe('A');
      expect(on.sync.readdirSync('/d').sort().join()).toBe('e,x,z');
      expect(await on.overlay.diff()).toEqual([]);
    });
    expect(await on.fs.readFile('/a', 'utf8')).toBe('mine');
    expect(await on.fs.exists('/d')).toBe(false);
  });

  test('whose callback throws has not happened, and the error is the callback’s own', async () => {
    const { on, upper } = await bench();
    const before = await on.settledTree();
    const commits = upper.commits.length;
    const reason = new Error('mine');
    const work = on.overlay.batch(async (fs) => {
      await everyKind(fs);
      throw reason;
    });
    await expect(work).rejects.toBe(reason);
    expect(await on.tree()).toEqual(before);
    expect(upper.commits.length).toBe(commits);
  });

  test('that is never ended has not happened', async () => {
    const { on } = await bench();
    const before = await on.settledTree();
    await on.overlay.beginBatch().fs.writeFile('/a', 'never');
    expect(await on.settledTree()).toEqual(before);
  });

  test('whose commit fails has not happened, and can be run again', async () => {
    const { on, upper } = await bench();
    const before = await on.settledTree();
    upper.failWith('ENOSPC');
    await expect(on.overlay.batch(everyKind)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await on.tree()).toEqual(before);
    upper.failWith(undefined);
    await on.overlay.batch(everyKind);
    expect(await on.fs.readFile('/d/p/copy', 'utf8')).toBe('new');
  });

  test('keeps errors that the callback handles: what failed is not in it', async () => {
    const { on } = await bench();
    await on.overlay.batch(async (fs) => {
      await expect(fs.mkdir('/d')).rejects.toMatchObject({ code: 'EEXIST', syscall: 'mkdir', path: '/d' });
      await fs.writeFile('/after', '');
    });
    expect(await names(on.fs, '/')).toBe('a,after,d,l,other');
  });

  test('keeps nothing of a call that fails half-way, though the rest of it is committed', async () => {
    const { on } = await bench();
    await on.fs.mkdir('/target');
    await on.fs.writeFile('/target/x', 'in the way');
    const halfWay = { recursive: true, force: false, errorOnExist: true };
    const before = await on.tree('/target');
    await on.overlay.batch(async (fs) => {
      await expect(fs.cp('/d', '/target', halfWay)).rejects.toMatchObject({ code: 'EEXIST' });
      await fs.writeFile('/after', '');
    });
    expect(await on.tree('/target')).toEqual(before);
    expect(await on.fs.exists('/after')).toBe(true);
    await on.settledTree();
  });

  test('tells watchers when it is committed, in order, and nothing before', async () => {
    const { on } = await bench();
    const heard: string[] = [];
    const watcher = on.sync.watch('/', { recursive: true }, (type, name) => heard.push(`${type} ${name}`));
    await on.overlay.batch(async (fs) => {
      await fs.writeFile('/n', '');
      await fs.rename('/n', '/m');
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(heard).toEqual([]);
    });
    watcher.close();
    expect(heard).toEqual(['rename n', 'change n', 'rename n', 'rename m']);
  });

  test('does what it was told, whatever happens to the buffer afterwards', async () => {
    const { on } = await bench();
    const bytes = new Uint8Array([1, 2, 3]);
    await on.overlay.batch(async (fs) => {
      await fs.writeFile('/bytes', bytes);
      bytes.fill(9);
      const read = await fs.readFile('/bytes');
      expect([...read]).toEqual([1, 2, 3]);
      read.fill(8);
    });
    expect([...(await on.fs.readFile('/bytes'))]).toEqual([1, 2, 3]);
  });

  test('that calls without awaiting is committed with those calls', async () => {
    const { on } = await bench();
    await on.overlay.batch((fs) => void Promise.all([fs.mkdir('/n'), fs.writeFile('/n/1', '1'), fs.writeFile('/n/2', '2')]));
    expect(await names(on.fs, '/n')).toBe('1,2');
  });

  test('takes no calls when it is over', async () => {
    const { on } = await bench();
    let leaked: BatchFs | undefined;
    await on.overlay.batch((fs) => {
      leaked = fs;
    });
    await expect(leaked!.writeFile('/late', '')).rejects.toMatchObject({ code: 'EINVAL' });
    expect(await on.fs.exists('/late')).toBe(false);
  });
});

describe('a batch and others at the same time', () => {
  test('holds nobody up, and joins what others did elsewhere in the meantime', async () => {
    const { on } = await bench();
    await on.overlay.batch(async (fs) => {
      await fs.writeFile('/d/mine', 'batch');
      await on.fs.writeFile('/d/theirs', 'other');
      await on.fs.writeFile('/more', new Uint8Array(600_000));
      await fs.appendFile('/d/mine', '!');
    });
    expect(await names(on.fs, '/d')).toBe('e,mine,theirs,x,z');
    expect(await on.fs.readFile('/d/mine', 'utf8')).toBe('batch!');
    expect((await on.fs.readFile('/more')).length).toBe(600_000);
  });

  for (const { what, see, change } of [
    { what: 'content that it read', see: (fs: BatchFs) => fs.readFile('/a', 'utf8'), change: (on: Bench) => on.fs.writeFile('/a', 'B') },
    { what: 'names that it listed', see: (fs: BatchFs) => fs.readdir('/d'), change: (on: Bench) => on.fs.unlink('/d/z') },
    { what: 'a file that it found missing', see: (fs: BatchFs) => fs.exists('/n'), change: (on: Bench) => on.fs.writeFile('/n', '') },
    { what: 'attributes that it looked at', see: (fs: BatchFs) => fs.stat('/a'), change: (on: Bench) => on.fs.chmod('/a', 0o600) },
    {
      what: 'a directory that it wrote into',
      see: (fs: BatchFs) => fs.writeFile('/d/n', ''),
      change: (on: Bench) => on.fs.rm('/d', { recursive: true }),
    },
  ]) {
    test(`rejects with EAGAIN when others changed ${what}, and leaves no trace`, async () => {
      const { on } = await bench();
      let theirs: string[] = [];
      const work = on.overlay.batch(async (fs) => {
        await fs.writeFile('/first', '');
        await see(fs);
        await change(on);
        theirs = await on.tree();
        await fs.writeFile('/last', '');
      });
      await expect(work).rejects.toMatchObject({ code: 'EAGAIN' });
      expect(await on.tree()).toEqual(theirs);
    });
  }

  test('no increment of a counter is lost when batches that collide are run again', async () => {
    const overlay = await Overlay.mount({ lower: layers(), upper: memoryUpper() });
    onTestFinished(() => overlay.close());
    await overlay.fs.promises.writeFile('/count', '0');
    const increment = async (): Promise<void> => {
      try {
        await overlay.batch(async (fs) => fs.writeFile('/count', String(Number(await fs.readFile('/count', 'utf8')) + 1)));
      } catch (e) {
        expect(e).toMatchObject({ code: 'EAGAIN' });
        await increment();
      }
    };
    await Promise.all(Array.from({ length: 20 }, increment));
    expect(await overlay.fs.promises.readFile('/count', 'utf8')).toBe('20');
  });

  test('a batch inside a batch is one of its own: committed first, unseen by the outer, in its way only where they collide', async () => {
    const { on } = await bench();
    await on.overlay.batch(async (outer) => {
      await outer.writeFile('/outer', '');
      await on.overlay.batch(async (inner) => {
        expect(await inner.exists('/outer')).toBe(false);
        await inner.writeFile('/inner', '');
      });
      expect(await on.fs.exists('/inner')).toBe(true);
    });
    expect(await names(on.fs, '/')).toBe('a,d,inner,l,other,outer');
    const colliding = on.overlay.batch(async (outer) => {
      await outer.mkdir('/same');
      await on.overlay.batch((inner) => inner.mkdir('/same'));
    });
    await expect(colliding).rejects.toMatchObject({ code: 'EAGAIN' });
  });

  test('an unlinked file that somebody has open stays readable', async () => {
    const { on } = await bench();
    const handle = await on.fs.open('/a');
    await on.overlay.batch((fs) => fs.unlink('/a'));
    expect(await handle.readFile('utf8')).toBe('A');
    await handle.close();
    expect(await on.overlay.check()).toEqual([]);
  });
});

describe('content that a batch needs', () => {
  test('is fetched while nobody waits, and only once', async () => {
    const reads: string[] = [];
    const layer = treeLayer(tree(file('big', 'x'.repeat(700_000)), file('a', 'A')), { lazy: 'always' });
    const hold = gate();
    const slow = {
      ...layer,
      peek: () => undefined,
      read: async (...args: Parameters<typeof layer.read>) => {
        reads.push(JSON.stringify(args.slice(0, 3)));
        await hold.opened;
        return layer.read(...args);
      },
    };
    const overlay = await Overlay.mount({ lower: [Object.assign(Object.create(layer) as typeof layer, slow)], upper: memoryUpper() });
    onTestFinished(() => overlay.close());
    const batch = overlay.batch(async (fs) => {
      const handle = fs.writeFile('/big', 'y', { flag: 'r+' });
      await handle;
      await fs.appendFile('/big', 'z');
    });
    await overlay.fs.promises.writeFile('/meanwhile', 'goes on');
    hold.open();
    await batch;
    const text = await overlay.fs.promises.readFile('/big', 'utf8');
    expect([text.length, text[0], text.at(-1)]).toEqual([700_001, 'y', 'z']);
    expect(new Set(reads).size).toBe(reads.length);
    expect(await overlay.check()).toEqual([]);
  });

  test('of the upper that others replace in the meantime is a collision, not damage', async () => {
    const { load, commit, readChunks, close, name } = faultyUpper();
    const overlay = await Overlay.mount({ lower: layers(), upper: { name, load, commit, readChunks, close } }); // never at hand
    onTestFinished(() => overlay.close());
    const { promises } = overlay.fs;
    await promises.writeFile('/f', new Uint8Array(300_000));
    for (let i = 0; i < 70; i++) await promises.writeFile(`/fill${i}`, new Uint8Array(500_000)); // out of the cache
    const batch = overlay.beginBatch();
    await promises.writeFile('/f', 'replaced');
    await expect(batch.fs.readFile('/f')).rejects.toMatchObject({ code: 'EAGAIN', path: '/f' });
    // Also where the error was caught, and something was done instead.
    await batch.fs.writeFile('/instead', '');
    await expect(batch.commit()).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(await promises.exists('/instead')).toBe(false);
  });

  test('may be large; beyond its limit the batch ends with ENOMEM, and nothing of it happened', async () => {
    const { on } = await bench();
    const before = await on.settledTree();
    const { fs, commit } = beginBatch(on.overlay.engine, { uid: 0, gid: 0 }, 2_000_000);
    await fs.writeFile('/1', new Uint8Array(1_500_000));
    await fs.unlink('/1'); // frees what it took
    await fs.writeFile('/2', new Uint8Array(1_500_000));
    await expect(fs.writeFile('/3', new Uint8Array(600_000))).rejects.toMatchObject({ code: 'ENOMEM', path: '/3' });
    await expect(commit()).rejects.toMatchObject({ code: 'ENOMEM' });
    expect(await on.settledTree()).toEqual(before);
  });
});
