/*
 * The channel between page and Node: a WebSocket server for one page at a time, as much of RFC 6455 as a browser uses. What the page has
 * sent before the browser is killed arrives: the bytes are in the kernel, not in the browser.
 */

import { createHash } from 'node:crypto';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

export interface Channel {
  send(message: object): void;
  close(): void;
}

export interface ChannelListener {
  message(message: unknown, channel: Channel): void;
  closed(channel: Channel): void;
}

/** Takes the WebSockets of `server`. */
export function listen(server: Server, listener: ChannelListener): void {
  server.on('upgrade', (request, socket: Socket) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.setNoDelay(true);
    const channel: Channel = {
      send: (message) => socket.write(frameOf(Buffer.from(JSON.stringify(message)))),
      close: () => socket.destroy(),
    };
    const frames = new FrameReader((text) => listener.message(JSON.parse(text), channel));
    socket.on('data', (bytes) => frames.push(bytes));
    socket.on('close', () => listener.closed(channel));
    socket.on('error', () => socket.destroy()); // the browser was killed
  });
}

function frameOf(payload: Buffer): Buffer {
  const { length } = payload;
  const head = length < 126 ? Buffer.from([0x81, length]) : Buffer.alloc(length < 65_536 ? 4 : 10);
  if (length >= 126) {
    head[0] = 0x81;
    head[1] = length < 65_536 ? 126 : 127;
    if (length < 65_536) head.writeUInt16BE(length, 2);
    else head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** Takes text messages, fragmented or not, out of a stream of masked frames. */
class FrameReader {
  #pending = Buffer.alloc(0);
  #message: Buffer[] = [];

  constructor(private readonly onText: (text: string) => void) {}

  push(bytes: Uint8Array): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (this.#take());
  }

  #take(): boolean {
    const bytes = this.#pending;
    if (bytes.length < 2) return false;
    const short = bytes[1]! & 0x7f;
    const headLength = (short === 126 ? 4 : short === 127 ? 10 : 2) + 4;
    if (bytes.length < headLength) return false;
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (bytes.length < headLength + length) return false;
    const mask = bytes.subarray(headLength - 4, headLength);
    const payload = Buffer.from(bytes.subarray(headLength, headLength + length));
    for (let i = 0; i < length; i++) payload[i] = payload[i]! ^ mask[i & 3]!;
    this.#pending = bytes.subarray(headLength + length);
    this.#frame(bytes[0]! & 0x0f, (bytes[0]! & 0x80) !== 0, payload);
    return true;
  }

  #frame(opcode: number, isLast: boolean, payload: Buffer): void {
    if (opcode > 2) return; // close, ping, pong
    this.#message.push(payload);
    if (!isLast) return;
    const text = Buffer.concat(this.#message).toString();
    this.#message = [];
    this.onText(text);
  }
}
