/* What the page and its worker say to each other beside the workspace: the terminal, and what was fetched. */

/** One command line that was run. */
export interface Finished {
  /** 0 when everything worked, as a shell has it. */
  readonly status: number;
  /** Where the next command runs. */
  readonly cwd: string;
}

/** Ranges that the worker fetched from the archives. */
export interface Traffic {
  readonly requests: number;
  readonly bytes: number;
}

/** The application's own calls to its worker. */
export interface Companion {
  /** Gives the terminal a port to the workspace. Before everything else. */
  use(port: MessagePort): Promise<void>;
  /** Runs a command line. Output comes while it runs. */
  run(line: string, cwd: string, write: (text: string) => void): Promise<Finished>;
  /** Stops the command that runs. */
  interrupt(): void;
  /** Names that could stand at the end of `line`, as `path` completed so far. */
  complete(line: string, cwd: string): Promise<string[]>;
  /** Reports what was fetched so far, and again whenever that grows. */
  watchTraffic(listener: (traffic: Traffic) => void): void;
}

/** The message that hands the worker its end of the channel. */
export interface CompanionMessage {
  readonly kind: 'companion';
  readonly port: MessagePort;
}

export function isCompanionMessage(message: unknown): message is CompanionMessage {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'companion';
}
