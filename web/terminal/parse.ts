/* The grammar of the prompt: words with quotes, `|`, `>`, `>>`, `;` and `&&`. A small part of POSIX sh, section 2. */

export interface Word {
  readonly text: string;
  /** Has an unquoted `*` or `?`. */
  readonly pattern: boolean;
}

export interface Stage {
  readonly words: readonly Word[];
}

export interface Pipeline {
  readonly stages: readonly Stage[];
  readonly redirect: { readonly to: Word; readonly append: boolean } | undefined;
  /** Runs only when the pipeline before it worked. */
  readonly onlyAfterSuccess: boolean;
}

type Token = Word | { readonly operator: string };

const TOKEN = /\s+|&&|>>|[|;>]|(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s|;>&'"\\])+|./gsu;

/** Reads a command line. @throws {Error} where it makes no sense, in words for the user. */
export function parse(line: string): Pipeline[] {
  const pipelines: Pipeline[] = [];
  let stages: Stage[] = [];
  let words: Word[] = [];
  let redirect: Pipeline['redirect'];
  let onlyAfterSuccess = false;
  const endStage = (operator: string): void => {
    if (words.length === 0) throw new Error(`a command is missing before '${operator}'`);
    stages.push({ words });
    words = [];
  };
  const endPipeline = (): void => {
    pipelines.push({ stages, redirect, onlyAfterSuccess });
    stages = [];
    redirect = undefined;
  };
  const tokens = tokenize(line);
  for (let token = tokens.shift(); token !== undefined; token = tokens.shift()) {
    if ('text' in token) {
      words.push(token);
      continue;
    }
    switch (token.operator) {
      case '|':
        endStage('|');
        break;
      case '>':
      case '>>': {
        const to = tokens.shift();
        if (to === undefined || !('text' in to)) throw new Error(`a file name is missing after '${token.operator}'`);
        redirect = { to, append: token.operator === '>>' };
        break;
      }
      default:
        endStage(token.operator);
        endPipeline();
        onlyAfterSuccess = token.operator === '&&';
    }
  }
  if (words.length > 0) {
    stages.push({ words });
    endPipeline();
  } else if (stages.length > 0) throw new Error("a command is missing after '|'");
  return pipelines;
}

function tokenize(line: string): Token[] {
  const tokens: Token[] = [];
  for (const [part] of line.matchAll(TOKEN)) {
    if (/^\s/.test(part)) continue;
    if (part === "'" || part === '"') throw new Error(`a quote is not closed: ${part}`);
    if (part === '&') throw new Error('commands cannot run in the background');
    if (['&&', '>>', '|', ';', '>'].includes(part)) tokens.push({ operator: part });
    else tokens.push(wordOf(part));
  }
  return tokens;
}

function wordOf(part: string): Word {
  let text = '';
  let pattern = false;
  for (const [piece] of part.matchAll(/'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^'"\\]+|\\/gsu)) {
    if (piece.startsWith("'")) text += piece.slice(1, -1);
    else if (piece.startsWith('"')) text += piece.slice(1, -1).replaceAll(/\\(["\\$`])/g, '$1');
    else if (piece.startsWith('\\')) text += piece.slice(1);
    else {
      text += piece;
      pattern ||= /[*?]/.test(piece);
    }
  }
  return { text, pattern };
}

/** A pattern of the shell as a regular expression over one name. */
export function globToRegExp(glob: string): RegExp {
  const escaped = glob.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su');
}
