/* What a command writes to, and how it ends. */

/** Where output goes. Tests pass their own. */
export interface Terminal {
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** The environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How a command ends. */
export const ExitCode = {
  /** Done, and nothing was found. */
  OK: 0,
  /** *found* indicates that `check` found damage, or `diff` a difference. */
  FOUND: 1,
  /** *failed* indicates that it could not be done. Therefore nothing is known. */
  FAILED: 2,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** A command line that means nothing. */
export class UsageError extends Error {}

/** Names are other people's: control characters in them, and those that turn text around, would be commands for the terminal. */
export function printable(name: string): string {
  let text = '';
  for (const character of name) {
    const code = character.codePointAt(0)!;
    const isControl =
      code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    text += isControl ? `\\u${code.toString(16).padStart(4, '0')}` : character;
  }
  return text;
}
