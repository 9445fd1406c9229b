/*
 * The import table: which folder of src may import which, where packages and the platform's names may appear.
 * It works on a tree of sources given as path → text, so that its own test can plant faults.
 */

import { posix } from 'node:path';
import { parseSync } from 'rolldown/utils';

/** What the modules of one folder may import. */
interface Folder {
  /** Folders of src whose values may be imported, its own aside. */
  readonly values: readonly string[];
  /** Further folders from which only types may come. */
  readonly types?: readonly string[];
  readonly packages?: readonly string[];
  /** Node's own modules. */
  readonly node?: boolean;
}

const engine = ['base', 'layer', 'codec', 'storage', 'archive', 'lower', 'upper', 'overlay', 'fs'];

/** The folders of src. A folder that is not here must not exist. */
export const importTable: ReadonlyMap<string, Folder> = new Map<string, Folder>([
  ['base', { values: [] }],
  ['layer', { values: ['base'] }],
  ['codec', { values: ['base'], packages: ['fflate'] }],
  ['storage', { values: ['base'] }],
  ['archive', { values: ['base', 'layer', 'codec'] }],
  ['lower', { values: ['base', 'layer', 'archive', 'codec', 'storage'] }],
  ['upper', { values: ['base', 'layer', 'codec', 'storage'], packages: ['idb-keyval'] }],
  ['overlay', { values: ['base', 'layer'] }],
  ['fs', { values: ['base', 'codec', 'archive', 'overlay'], types: ['layer'] }],
  ['rpc', { values: engine, packages: ['comlink'] }],
  ['zenfs', { values: [...engine, 'rpc'], packages: ['@zenfs/core'] }],
  ['wasi', { values: engine }],
  ['pack', { values: [...engine], packages: ['fflate'], node: true }],
  ['cli', { values: [...engine, 'rpc', 'zenfs', 'pack'], node: true }],
  ['vite', { values: engine, packages: ['vite'], node: true }],
]);

/** The page's bundle: whatever its entry point reaches by values lies in these folders; of fs only what needs no engine. No engine, no codec, no upper. */
const pageFolders: readonly string[] = ['base', 'fs', 'rpc'];

/** Names of the platform that one file may say, and the folder where that file is. */
const platformNames: ReadonlyMap<string, string> = new Map([
  ['fetch', 'lower'],
  ['indexedDB', 'upper'],
  ['postMessage', 'rpc'],
  ['WebAssembly', 'codec'],
  ['XMLHttpRequest', 'lower'],
]);

/** An import or a re-export of one module by another. */
interface Link {
  readonly target: string;
  readonly typeOnly: boolean;
  /** Imported names, `default` and `*` included. */
  readonly names: readonly string[];
}

interface Module {
  readonly path: string;
  readonly links: readonly Link[];
  /** Platform names that are said here. */
  readonly says: ReadonlySet<string>;
  /** Statements that are not re-exports. */
  readonly ownStatements: number;
}

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

function isModuleName(value: unknown): value is { value: string } {
  return isNode(value) && value.type === 'Literal' && typeof value.value === 'string';
}

function nameOf(node: unknown): string {
  if (!isNode(node)) return '';
  if (typeof node.name === 'string') return node.name;
  return typeof node.value === 'string' ? node.value : '';
}

function specifiersOf(node: Node): readonly Node[] {
  return Array.isArray(node.specifiers) ? node.specifiers.filter(isNode) : [];
}

/** The link that an import, export or dynamic import makes; `undefined` for any other node. */
function linkOf(node: Node): Link | undefined {
  if (!isModuleName(node.source)) return undefined;
  const target = node.source.value;
  if (node.type === 'TSImportType') return { target, typeOnly: true, names: [] };
  if (node.type === 'ImportExpression') return { target, typeOnly: false, names: ['*'] };
  if (node.type === 'ExportAllDeclaration') return { target, typeOnly: node.exportKind === 'type', names: ['*'] };
  if (node.type !== 'ImportDeclaration' && node.type !== 'ExportNamedDeclaration') return undefined;
  const specifiers = specifiersOf(node);
  const isType = (specifier: Node): boolean => specifier.importKind === 'type' || specifier.exportKind === 'type';
  const wholeType = node.importKind === 'type' || node.exportKind === 'type';
  return {
    target,
    typeOnly: wholeType || (specifiers.length > 0 && specifiers.every(isType)),
    names: specifiers.map((specifier) => nameOf(specifier.imported ?? specifier.local)),
  };
}

/** True where an identifier under `key` of `parent` merely names a property, as in `options.fetch` or `{ fetch: … }`. */
function isPropertyName(parent: Node, key: string): boolean {
  if (parent.computed === true) return false;
  if (parent.type === 'MemberExpression') return key === 'property' && !isGlobalObject(parent.object);
  if (key !== 'key') return false;
  return parent.shorthand !== true;
}

function isGlobalObject(node: unknown): boolean {
  return isNode(node) && node.type === 'Identifier' && ['globalThis', 'self', 'window'].includes(nameOf(node));
}

function saysPlatformName(parent: Node, key: string, name: string): boolean {
  // A method that every port and worker has: whoever calls it speaks the wire protocol.
  if (name === 'postMessage') return true;
  return !isPropertyName(parent, key);
}

function visit(node: Node, found: { links: Link[]; says: Set<string> }): void {
  const link = linkOf(node);
  if (link !== undefined) found.links.push(link);
  for (const [key, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (!isNode(child)) continue;
      const name = child.type === 'Identifier' ? nameOf(child) : '';
      if (platformNames.has(name) && saysPlatformName(node, key, name)) found.says.add(name);
      visit(child, found);
    }
  }
}

function parseModule(path: string, text: string): Module {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message ?? 'cannot be parsed'}`);
  const found = { links: [] as Link[], says: new Set<string>() };
  visit(program as unknown as Node, found);
  const body = program.body as unknown as Node[];
  const isReexport = (node: Node): boolean => node.type.startsWith('Export') && isModuleName(node.source);
  return { path, ...found, ownStatements: body.filter((node) => !isReexport(node)).length };
}

function folderOf(path: string): string {
  const parts = path.split('/');
  return parts[0] === 'src' && parts.length > 2 ? (parts[1] ?? '') : '';
}

function packageOf(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}

/** One sentence about a relative import that is not allowed, or `undefined`. */
function judgeRelative(module: Module, link: Link, sources: ReadonlyMap<string, string>): string | undefined {
  const { path } = module;
  if (!link.target.endsWith('.ts')) return `${path} imports ${link.target} without the extension .ts`;
  const target = posix.join(posix.dirname(path), link.target);
  if (!sources.has(target)) return `${path} imports ${link.target}, which does not exist`;
  const from = folderOf(path);
  const to = folderOf(target);
  if (from === '') return undefined; // An entry point may re-export from anywhere.
  if (to === '') return `${path} imports the entry point ${target}`;
  const allowed = importTable.get(from);
  if (from === to || allowed === undefined || allowed.values.includes(to)) return undefined;
  if (link.typeOnly && allowed.types?.includes(to) === true) return undefined;
  return `${path} imports ${target}: src/${from} may not import ${link.typeOnly ? 'types' : 'values'} of src/${to}`;
}

function judgePackage(module: Module, link: Link): string | undefined {
  const allowed = importTable.get(folderOf(module.path));
  if (link.target.startsWith('node:'))
    return allowed?.node === true ? undefined : `${module.path} imports ${link.target}, a module of Node`;
  const name = packageOf(link.target);
  return allowed?.packages?.includes(name) === true ? undefined : `${module.path} imports the package ${name}`;
}

function judgeModule(module: Module, sources: ReadonlyMap<string, string>): string[] {
  const { path } = module;
  const faults: string[] = [];
  const folder = folderOf(path);
  if (folder === '' && module.ownStatements > 0) faults.push(`${path} is an entry point and does more than re-export`);
  if (folder !== '' && !importTable.has(folder)) faults.push(`${path} lies in src/${folder}, which is not in the import table`);
  for (const link of module.links) {
    const fault = link.target.startsWith('.') ? judgeRelative(module, link, sources) : judgePackage(module, link);
    if (fault !== undefined) faults.push(fault);
    for (const name of link.names) if (name.startsWith('_')) faults.push(`${path} imports ${name} of ${link.target}: a private name`);
  }
  return faults;
}

function judgePlatformNames(modules: readonly Module[]): string[] {
  const faults: string[] = [];
  for (const [name, folder] of platformNames) {
    const saying = modules.filter((module) => module.says.has(name)).map((module) => module.path);
    const elsewhere = saying.filter((path) => folderOf(path) !== folder);
    for (const path of elsewhere) faults.push(`${path} says ${name}, which belongs to one file of src/${folder}`);
    if (saying.length - elsewhere.length > 1) faults.push(`${saying.join(' and ')} say ${name}: one file of src/${folder} may`);
  }
  return faults;
}

/** Faults of what `entry` reaches by values: the way from it is told, since it is seldom a direct import. */
function judgePage(entry: string, modules: ReadonlyMap<string, Module>): string[] {
  const faults: string[] = [];
  const reached = new Set<string>();
  const follow = (path: string, way: readonly string[]): void => {
    if (reached.has(path)) return;
    reached.add(path);
    const folder = folderOf(path);
    if (folder !== '' && !pageFolders.includes(folder)) {
      faults.push(`the page's bundle contains src/${folder}: ${[...way, path].join(' → ')}`);
      return;
    }
    for (const link of modules.get(path)?.links ?? []) {
      if (!link.typeOnly && link.target.startsWith('.')) follow(posix.join(posix.dirname(path), link.target), [...way, path]);
    }
  };
  if (modules.has(entry)) follow(entry, []);
  return faults;
}

/** Judges the sources of the package: path (`src/base/errors.ts`) → text. An empty answer: all is well. */
export function checkImports(sources: ReadonlyMap<string, string>): string[] {
  const modules = new Map<string, Module>();
  for (const [path, text] of sources) modules.set(path, parseModule(path, text));
  const all = [...modules.values()];
  return [...all.flatMap((module) => judgeModule(module, sources)), ...judgePlatformNames(all), ...judgePage('src/index.ts', modules)];
}

/** Judges the demo: its own files, packages, and the public entry points of stratafs. */
export function checkDemoImports(sources: ReadonlyMap<string, string>): string[] {
  const entryPoints = new Set(['stratafs', 'stratafs/worker', 'stratafs/engine', 'stratafs/zenfs', 'stratafs/pack']);
  const faults: string[] = [];
  for (const [path, text] of sources) {
    for (const { target } of parseModule(path, text).links) {
      const outside = target.startsWith('.') && !posix.join(posix.dirname(path), target).startsWith('web/');
      if (outside) faults.push(`${path} imports ${target}, which is not the demo's own`);
      if (packageOf(target) === 'stratafs' && !entryPoints.has(target)) faults.push(`${path} imports ${target}, which is no entry point`);
    }
  }
  return faults;
}
