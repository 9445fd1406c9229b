/*
 * What a compiler reads when it starts: `tsc --noEmit` over a file that imports date-fns, run on a tree that lies on the disk, with
 * everything that it opens written down in the order of the first time.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const PROJECT = {
  'main.ts': `import { addDays, format } from 'date-fns';\n\nexport const tomorrow = (): string => format(addDays(new Date(), 1), 'yyyy-MM-dd');\n`,
  'tsconfig.json': JSON.stringify({
    compilerOptions: { target: 'es2022', module: 'esnext', moduleResolution: 'bundler', strict: true, noEmit: true, types: [] },
    files: ['main.ts'],
  }),
};

/** Loaded in front of the compiler: notes modules and files as they are opened. CommonJS, as the compiler is. */
const HOOK = `
const fs = require('node:fs');
const Module = require('node:module');
const seen = new Set();
const note = (path) => { if (typeof path === 'string') seen.add(path); };
const load = Module._extensions['.js'];
Module._extensions['.js'] = (module, path) => { note(path); return load(module, path); };
for (const name of ['openSync', 'readFileSync']) {
  const call = fs[name];
  fs[name] = (path, ...rest) => { const result = call(path, ...rest); note(path); return result; };
}
process.on('exit', () => fs.writeFileSync(process.env.TRACE, JSON.stringify([...seen])));
`;

/** Paths below `folder` that a start of the compiler reads, in order. */
export function traceCompiler(folder: string): string[] {
  const project = join(folder, 'project');
  mkdirSync(project, { recursive: true });
  try {
    for (const [name, text] of Object.entries(PROJECT)) writeFileSync(join(project, name), text);
    const hook = join(project, 'hook.cjs');
    const trace = join(project, 'trace.json');
    writeFileSync(hook, HOOK);
    const compiler = join(folder, 'node_modules/typescript/lib/tsc.js');
    execFileSync(process.execPath, ['-r', hook, compiler, '-p', project], { env: { ...process.env, TRACE: trace } });
    const opened = (JSON.parse(readFileSync(trace, 'utf8')) as string[]).map((path) => relative(folder, path));
    return opened.filter((path) => path.startsWith('node_modules/'));
  } finally {
    rmSync(project, { recursive: true });
  }
}
