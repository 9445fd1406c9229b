/* The package as its users get it: packed, installed in a fresh Vite application, mounted, written, reloaded, read. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { strToU8, zipSync } from 'fflate';
import type { BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PAGE_BUDGET, WORKER_BUDGET, bundleSizes } from '../../scripts/bundle-sizes.ts';
import { root } from '../../scripts/entries.ts';
import { tarArchive, zstdFrame } from '../support/archives.ts';
import { type Profile, collectPageErrors, makeProfile } from '../support/chromium.ts';
import { ImageFolder } from '../support/images.ts';
import { squashfsImage } from '../support/squashfs.ts';
import { servePolicy } from './policy-server.ts';
import { plainEnvironment, startServer } from './server-process.ts';

const run = promisify(execFile);
const application = join(root, 'test/fixtures/application');

let folder = '';
let app = '';
let installed = '';
let profile: Profile;
let browser: BrowserContext;

async function command(name: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await run(name, [...args], {
      cwd,
      env: plainEnvironment(),
      shell: process.platform === 'win32',
      maxBuffer: 2 ** 24,
    });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${name} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

async function versionOf(name: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** The lower that the application mounts. */
const base = zipSync({
  'kept.txt': strToU8('from the archive'),
  'edited.txt': strToU8('before'),
  'deleted.txt': strToU8('not wanted'),
  'folder/inner.txt': strToU8('inner'.repeat(1000)),
});

/** The lowers below it, which need what lies beside the worker: the decoder, and the readers of rare formats. */
const packed = zstdFrame(tarArchive([{ name: 'packed.txt', content: 'from zstd' }]));
const disk = squashfsImage([{ name: 'disk.txt', content: 'from SquashFS' }]);
const image = new ImageFolder();
image.layout([image.image({ layers: [[{ name: 'image.txt', content: 'from an image' }]] })]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratafs-package-'));
  app = join(folder, 'application');
  installed = join(app, 'node_modules/stratafs');
  await command('npm', ['pack', '--pack-destination', folder], root); // `prepack` builds.
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  await cp(application, app, { recursive: true });
  await mkdir(join(app, 'public'));
  await writeFile(join(app, 'public/base.zip'), base);
  await writeFile(join(app, 'public/packed.tar.zst'), packed);
  await writeFile(join(app, 'public/disk.squashfs'), disk);
  await mkdir(join(app, 'public/image/blobs/sha256'), { recursive: true });
  for (const [name, bytes] of image.files) await writeFile(join(app, 'public/image', name), bytes);
  await writeFile(join(app, 'public/icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  const manifest = {
    name: 'application',
    private: true,
    type: 'module',
    dependencies: { stratafs: `file:../${tarball}` },
    devDependencies: { vite: await versionOf('vite') },
  };
  await writeFile(join(app, 'package.json'), JSON.stringify(manifest, null, 2));
  await command('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], app);
  profile = await makeProfile();
  browser = await profile.launch();
}, 300_000);

afterAll(async () => {
  await profile.remove();
  await rm(folder, { recursive: true, force: true });
});

/** Opens the application twice: what it shows on the first visit, and after a reload. Each address has storage of its own. */
async function visitTwice(url: string): Promise<{ first: unknown; second: unknown; errors: string[] }> {
  const page = await browser.newPage();
  const errors = collectPageErrors(page);
  const shown = async (): Promise<unknown> => {
    try {
      await page.waitForFunction(() => document.body.dataset.shown !== undefined, undefined, { timeout: 30_000 });
    } catch (error) {
      throw new Error(`The application shows nothing. The page reported: ${errors.join('; ') || 'no error'}`, { cause: error });
    }
    return JSON.parse((await page.evaluate(() => document.body.dataset.shown)) ?? 'null');
  };
  try {
    await page.goto(url);
    const first = await shown();
    await page.reload();
    const second = await shown();
    return { first, second, errors };
  } finally {
    await page.close();
  }
}

const fromArchive = {
  '/deleted.txt': 'not wanted',
  '/disk.txt': 'from SquashFS',
  '/edited.txt': 'before',
  '/folder/inner.txt': 'inner'.repeat(1000),
  '/image.txt': 'from an image',
  '/kept.txt': 'from the archive',
  '/packed.txt': 'from zstd',
};
const afterChanges = {
  '/disk.txt': 'from SquashFS',
  '/edited.txt': 'after',
  '/image.txt': 'from an image',
  '/kept.txt': 'from the archive',
  '/new.txt': 'written by the application',
  '/packed.txt': 'from zstd',
  '/renamed/inner.txt': 'inner'.repeat(1000),
};

const exported = ['.wh.deleted.txt', 'renamed/inner.txt'];

describe('an application with Vite and no configuration', () => {
  test('mounts, writes, reloads and reads in development', async () => {
    const server = await startServer('node_modules/vite/bin/vite.js', ['--port', '5392'], app);
    try {
      const { first, second, errors } = await visitTwice(server.url);
      expect(first).toEqual({ found: fromArchive, left: afterChanges, exported });
      expect(second).toEqual({ found: afterChanges, left: afterChanges, exported });
      expect(errors).toEqual([]);
    } finally {
      await server.stop();
    }
  });

  test('does so as it is built, below another path than the root', async () => {
    await command(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--base', '/below/'], app);
    const server = await startServer('node_modules/vite/bin/vite.js', ['preview', '--base', '/below/', '--port', '5393'], app);
    try {
      const { first, second, errors } = await visitTwice(`${server.url}below/`);
      expect(first).toEqual({ found: fromArchive, left: afterChanges, exported });
      expect(second).toEqual({ found: afterChanges, left: afterChanges, exported });
      expect(errors).toEqual([]);
    } finally {
      await server.stop();
    }
  });

  describe('as it is built, under a strict Content-Security-Policy for page and worker', () => {
    const policy = (scripts: string): string => `default-src 'self'; script-src ${scripts}; worker-src 'self'; connect-src 'self'`;
    const { '/packed.txt': _packed, ...fromOthers } = fromArchive;
    const { '/packed.txt': __packed, ...afterOthers } = afterChanges;

    test('does so where WebAssembly may be compiled', async () => {
      await using server = await servePolicy(join(app, 'dist'), '/below/', policy("'self' 'wasm-unsafe-eval'"));
      const { first, second, errors } = await visitTwice(server.url);
      expect(first).toEqual({ found: fromArchive, left: afterChanges, exported });
      expect(second).toEqual({ found: afterChanges, left: afterChanges, exported });
      expect(errors).toEqual([]);
    });

    test('does so without WebAssembly, where zstd is ENOTSUP', async () => {
      await using server = await servePolicy(join(app, 'dist'), '/below/', policy("'self'"));
      await using other = await servePolicy(join(app, 'dist'), '/below/', policy("'self'"));
      const { first, second, errors } = await visitTwice(`${server.url}?archives=base.zip,disk.squashfs,image/`);
      expect(first).toEqual({ found: fromOthers, left: afterOthers, exported });
      expect(second).toEqual({ found: afterOthers, left: afterOthers, exported });
      expect(errors).toEqual([]);
      const zstd = await visitTwice(other.url);
      expect(zstd.first).toEqual({ error: expect.stringMatching(/ENOTSUP.*packed\.tar\.zst.*zstd needs WebAssembly/) as string });
    });

    test('names the archive and the file where what lies beside the worker is missing', async () => {
      const bare = join(folder, 'bare');
      await cp(join(app, 'dist'), bare, { recursive: true, filter: (name) => !/(formats|writers)[^/\\]*\.js$/.test(name) });
      await using server = await servePolicy(bare, '/below/', policy("'self'"));
      const { first } = await visitTwice(`${server.url}?archives=disk.squashfs`);
      expect(first).toEqual({ error: expect.stringMatching(/EIO.*disk\.squashfs.*\(formats\.js\).*cannot be loaded/) as string });
      await using other = await servePolicy(bare, '/below/', policy("'self'"));
      const { first: unwritten } = await visitTwice(`${other.url}?archives=base.zip`);
      expect(unwritten).toEqual({ error: expect.stringMatching(/EIO.*\(writers\.js\).*cannot be loaded/) as string });
    });
  });

  test.each([['bundler'], ['nodenext']])('type-checks without skipLibCheck, module resolution %s', async (moduleResolution) => {
    const module = moduleResolution === 'bundler' ? 'esnext' : 'nodenext';
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2023,esnext.disposable,dom', '--types', ''];
    await command(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), ...options, '--module', module, '--moduleResolution', moduleResolution, 'main.ts'],
      app,
    );
  });

  test('does not install ZenFS, which only stratafs/zenfs needs', () => {
    expect(existsSync(join(app, 'node_modules/@zenfs'))).toBe(false);
  });
});

test('stratafs/engine runs in Node as it is installed', async () => {
  await writeFile(
    join(app, 'engine.mjs'),
    `import { readFileSync } from 'node:fs';
     import { Overlay, memoryUpper, openLayer } from 'stratafs/engine';
     const overlay = await Overlay.mount({ lower: [await openLayer(new Uint8Array(readFileSync('public/base.zip')))], upper: memoryUpper() });
     await overlay.fs.promises.writeFile('/edited.txt', 'in Node');
     await overlay.fs.promises.rm('/folder', { recursive: true });
     console.log(JSON.stringify([overlay.fs.readFileSync('/edited.txt', 'utf8'), overlay.fs.readdirSync('/').sort()]));
     await overlay.close();`,
  );
  const printed = await command(process.execPath, ['engine.mjs'], app);
  expect(JSON.parse(printed)).toEqual(['in Node', ['deleted.txt', 'edited.txt', 'kept.txt']]);
});

test('the stratafs command and stratafs/pack run in Node as they are installed', async () => {
  const bin = join(app, 'node_modules/.bin', process.platform === 'win32' ? 'stratafs.cmd' : 'stratafs');
  const said = await command(bin, ['pack', 'public/base.zip', '-o', 'base.esgz'], app);
  expect(said).toContain('base.esgz: 4 entries');
  expect(await command(bin, ['cat', 'base.esgz', '/kept.txt'], app)).toBe('from the archive');
  expect(await command(bin, ['ls', 'public/packed.tar.zst'], app)).toMatch(/ \/packed\.txt\n$/);
  await writeFile(
    join(app, 'pack.mjs'),
    `import { pack } from 'stratafs/pack';
     console.log((await pack('base.esgz')).digest === (await pack('public/base.zip')).digest);`,
  );
  expect(await command(process.execPath, ['pack.mjs'], app)).toBe('true\n');
}, 60_000);

describe('the tarball', () => {
  test('holds the entry points, the worker, the licences, and no sources', async () => {
    const files = (await readdir(installed, { recursive: true })).map((name) => name.replaceAll('\\', '/'));
    const wanted = [
      'LICENSE',
      'NOTICE.md',
      'README.md',
      'dist/cli.js',
      'dist/engine.js',
      'dist/formats.js',
      'dist/index.js',
      'dist/pack.js',
      'dist/serve.js',
      'dist/worker.js',
      'dist/writers.js',
      'dist/zenfs.js',
      'dist/zstd.js',
    ];
    expect(files).toEqual(expect.arrayContaining([...wanted, 'dist/worker.js.LICENSES.txt']));
    expect(files.filter((name) => /^(src|test|web|scripts|bench)\//.test(name))).toEqual([]);
  });

  test('holds no code of ZenFS, and names it in stratafs/zenfs only', async () => {
    for (const name of await readdir(join(installed, 'dist'))) {
      if (!name.endsWith('.js')) continue;
      const imports = /(?:from|import)\s*\(?["'`]@zenfs\//.test(await readFile(join(installed, 'dist', name), 'utf8'));
      expect({ name, imports }).toEqual({ name, imports: name === 'zenfs.js' });
    }
    const worker = await readFile(join(installed, 'dist/worker.js'), 'utf8');
    expect(worker).not.toMatch(/__zenfs__|utilium|memium/);
  });

  test('gives a page at most 8 KB and a worker at most 120 KB, gzipped', async () => {
    const { page, worker, formats, writers, zstd } = await bundleSizes(join(installed, 'dist'));
    const lazy = `formats ${formats}, writers ${writers} and zstd ${zstd} bytes when needed`;
    process.stdout.write(`     Sizes, gzipped: page ${page} bytes with comlink, worker ${worker} bytes; ${lazy}\n`);
    expect(page).toBeLessThanOrEqual(PAGE_BUDGET);
    expect(worker).toBeLessThanOrEqual(WORKER_BUDGET);
  });
});
