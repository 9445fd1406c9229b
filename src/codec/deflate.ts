/* Raw DEFLATE by the platform, for what is stored and need not be the same on every machine. The only file that says `CompressionStream`. */

/** Compresses; `undefined` where the platform cannot. */
export async function deflateByPlatform(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { CompressionStream: Platform } = globalThis as { readonly CompressionStream?: typeof CompressionStream };
  if (Platform === undefined) return undefined;
  const stream = new Platform('deflate-raw');
  const writer = stream.writable.getWriter();
  // What goes wrong is heard of at the other end.
  writer.write(bytes).catch(() => undefined);
  writer.close().catch(() => undefined);
  return new Uint8Array(await new Response(stream.readable).arrayBuffer());
}
