import { once } from 'node:events'
import { open, rename, rm, stat } from 'node:fs/promises'
import { CommandFailed } from './outcome.ts'

/**
 * Writes what comes piece by piece to a file that only its owner may read. It stands beside the file until all has come: what broke off is never taken for the
 * whole, and what was there before stays until then. A pipe or a device is written as it is.
 * @throws CommandFailed when it cannot be written; what the pieces throw
 */
export async function writePiecesToFile(file: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const isPlain = await stat(file).then((found) => found.isFile(), () => true)
  const part = isPlain ? `${file}.part` : file
  const handle = await open(part, 'w', 0o600).catch(cannot)
  try {
    try {
      for await (const piece of pieces) await handle.appendFile(piece).catch(cannot)
    } finally {
      await handle.close()
    }
    if (isPlain) await rename(part, file).catch(cannot)
  } catch (thrown) {
    if (isPlain) await rm(part, { force: true })
    throw thrown
  }

  function cannot(thrown: unknown): never {
    throw new CommandFailed(`${file} cannot be written (${(thrown as NodeJS.ErrnoException).code ?? 'no reason was given'}).`)
  }
}

/** The same to stdout, as fast as it is read there. */
export async function writePiecesToStdout(pieces: AsyncIterable<Uint8Array | string>): Promise<void> {
  for await (const piece of pieces) if (!process.stdout.write(piece)) await once(process.stdout, 'drain')
}

/** One JSON object whose one property is the text of the pieces. */
export async function* toJsonText(name: string, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const inside = (text: string) => JSON.stringify(text).slice(1, -1)
  yield `{${JSON.stringify(name)}:"`
  for await (const piece of pieces) yield inside(decoder.decode(piece, { stream: true }))
  yield `${inside(decoder.decode())}"}\n`
}
