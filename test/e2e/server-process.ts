/* A dev server in a process of its own, as a person starts it. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

/** A running server. */
export interface ServerProcess {
  /** Where it listens, with a slash at the end. */
  readonly url: string;
  /** Everything that it has printed. */
  output(): string;
  stop(): Promise<void>;
}

/** The environment of a command that a person types: without what the test runner put into ours. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => name !== 'NODE_ENV' && !/^(VITEST|VITE_|npm_)/.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: '1', CI: 'true' };
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const insist = setTimeout(() => child.kill('SIGKILL'), 5000);
    child.once('exit', () => {
      clearTimeout(insist);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/**
 * Runs a script of Node that serves, and waits until it prints a local URL.
 * Rejects, with what it printed, where it ends or stays silent for two minutes.
 */
export async function startServer(script: string, args: readonly string[], cwd: string): Promise<ServerProcess> {
  const child = spawn(process.execPath, [script, ...args], { cwd, env: plainEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  try {
    const url = await new Promise<string>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`No URL within two minutes:\n${output}`)), 120_000);
      const listen = (text: string): void => {
        output += text;
        const found = /http:\/\/(?:localhost|127\.0\.0\.1):\d+\//.exec(output);
        if (found === null) return;
        clearTimeout(late);
        resolve(found[0]);
      };
      child.stdout.setEncoding('utf8').on('data', listen);
      child.stderr.setEncoding('utf8').on('data', listen);
      child.once('error', reject);
      child.once('exit', (status) => {
        clearTimeout(late);
        reject(new Error(`Ended with status ${status ?? 'none'} before it served:\n${output}`));
      });
    });
    return { url, output: () => output, stop: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw error;
  }
}
