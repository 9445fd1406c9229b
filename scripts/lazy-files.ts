/*
 * The packaged worker's lazy parts as files that bundlers copy but do not look into. A bundler may rename the worker, so that no other file
 * can import it by name; and a copy of what it has inside would be other classes and other state. Therefore a lazy part is given the
 * worker's bindings that it uses: a chunk's
 *
 *   import { a as FsError } from './worker.js';  …  export { openImage };
 *
 * becomes a function of them that gives what the chunk exported, and the worker, which exported them, calls it when it has loaded the file.
 * A chunk that imports nothing stays as it is.
 */

import { createHash } from 'node:crypto';
import { type OutputChunk, type Plugin, type RenderedChunk, RolldownMagicString } from 'rolldown';
import { parseSync } from 'rolldown/utils';

/** Nodes of ESTree, as far as they are looked at. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

interface Name {
  readonly name: string;
}

/** A name in a chunk, and what the other side calls it. */
interface Binding {
  readonly local: string;
  readonly shared: string;
}

function bodyOf(code: string): readonly Node[] {
  const { program, errors } = parseSync('chunk.js', code);
  if (errors.length > 0) throw new Error(errors[0]?.message);
  return program.body as unknown as Node[];
}

function bindingsOf(node: Node, shared: 'imported' | 'exported'): Binding[] {
  const specifiers = node.specifiers as readonly Readonly<Record<'local' | 'imported' | 'exported', Name>>[];
  return specifiers.map((specifier) => ({ local: specifier.local.name, shared: specifier[shared].name }));
}

const record = (bindings: readonly Binding[]): string => `{ ${bindings.map(({ local, shared }) => `${shared}: ${local}`).join(', ')} }`;

/** Names worker and lazy part to each other: only files of one build may meet, since short names mean something else in the next one. */
function identify(sources: readonly string[]): string {
  const hash = createHash('sha256');
  for (const source of sources) hash.update(`${source.length}\n${source}`);
  return `of_${hash.digest('hex').slice(0, 12)}`;
}

/** A chunk that is loaded later: a function of what it imported of the worker. */
function makeFunction(code: string, build: string): RolldownMagicString {
  const edited = new RolldownMagicString(code);
  const body = bodyOf(code);
  const imports = body.filter(({ type }) => type === 'ImportDeclaration');
  const [exports, ...others] = body.filter(({ type }) => type.startsWith('Export'));
  if (exports === undefined || others.length > 0) throw new Error('a lazy part must export, in one statement');
  for (const { start, end } of imports) edited.remove(start, end);
  edited.prepend(`export const ${build} = (${record(imports.flatMap((node) => bindingsOf(node, 'imported')))}) => {\n`);
  edited.update(exports.start, exports.end, `return ${record(bindingsOf(exports, 'exported'))};\n};`);
  return edited;
}

/** The worker: it loads lazy parts by URL, in a form that bundlers copy but do not follow, and gives them what it would have exported. */
function callFunctions(code: string, lazy: readonly RenderedChunk[], build: string): RolldownMagicString {
  const edited = new RolldownMagicString(code);
  const exports = bodyOf(code).filter(({ type }) => type.startsWith('Export'));
  const shared = exports.flatMap((node) => bindingsOf(node, 'exported'));
  for (const { local } of shared) {
    if (new RegExp(`^let ${local.replaceAll('$', '\\$')}\\b`, 'm').test(code))
      throw new Error(`a lazy part would see one value of ${local} only`);
  }
  for (const { start, end } of exports) edited.remove(start, end);
  for (const { fileName, imports } of lazy) {
    const literal = `import("./${fileName}")`;
    if (code.split(literal).length !== 2) throw new Error(`the worker does not say ${literal} once`);
    const loaded = `import(/* webpackIgnore: true */ /* @vite-ignore */ new URL("./${fileName}", import.meta.url).href)`;
    edited.replace(literal, imports.length === 0 ? loaded : `${loaded}.then((file) => file.${build}(${record(shared)}))`);
  }
  return edited;
}

/** What of a module's information says where it belongs. */
interface Importing {
  getModuleInfo(id: string): { readonly isEntry: boolean; readonly importers: readonly string[] } | null;
}

/** Tells whether the entry imports a module, without `import()`. */
function isOfEntry(id: string, modules: Importing): boolean {
  const seen = new Set([id]);
  for (const importer of seen) {
    const info = modules.getModuleInfo(importer);
    if (info?.isEntry === true) return true;
    for (const above of info?.importers ?? []) seen.add(above);
  }
  return false;
}

/** Cuts a build with one entry into that and the `files` that it imports dynamically: names of modules to names of files. */
export function lazyFiles(files: ReadonlyMap<string, string>): Plugin {
  return {
    name: 'lazy-files',
    outputOptions: (options) => ({
      ...options,
      chunkFileNames: ({ name }) => files.get(name) ?? `unexpected-${name}.js`,
      // What several lazy parts use would otherwise be a chunk of its own.
      codeSplitting: { groups: [{ name: (id, modules) => (isOfEntry(id, modules) ? 'worker' : null), debugName: 'worker' }] },
    }),
    renderChunk(code, { isEntry, imports, moduleIds, facadeModuleId, fileName }, _options, { chunks }) {
      const wanted = isEntry ? [] : (this.getModuleInfo(facadeModuleId ?? '')?.importedIds ?? []);
      const strays = wanted.filter((id) => !moduleIds.includes(id));
      if (strays.length > 0) throw new Error(`${strays.join(', ')} should be in ${fileName}, but the worker imports it at once`);
      const build = identify([...this.getModuleIds()].map((id) => this.getModuleInfo(id)?.code ?? '').sort());
      const lazy = Object.values(chunks).filter((chunk) => !chunk.isEntry);
      if (isEntry) return { code: callFunctions(code, lazy, build) };
      return imports.length === 0 ? null : { code: makeFunction(code, build) };
    },
  };
}

/** @throws when there is something else than the entry and the `files`, or one of them would import another when it starts */
export function assertSelfContained(chunks: readonly OutputChunk[], files: ReadonlyMap<string, string>): void {
  const lazy = chunks.filter(({ isEntry }) => !isEntry).map(({ fileName }) => fileName);
  const expected = [...files.values()];
  if (lazy.length !== expected.length || !expected.every((name) => lazy.includes(name)))
    throw new Error(`lazy parts: ${lazy.join(', ')}, should be ${expected.join(', ')}`);
  for (const { fileName, code } of chunks) {
    if (bodyOf(code).some(({ type, source }) => type === 'ImportDeclaration' || (source ?? null) !== null))
      throw new Error(`${fileName} is not self-contained`);
  }
}
