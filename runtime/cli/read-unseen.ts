import { createInterface } from 'node:readline/promises'
import { text } from 'node:stream/consumers'
import { Writable } from 'node:stream'

/** A line of stdin; typed unseen when stdin is a terminal. */
export async function readUnseenLine(prompt: string): Promise<string> {
  const terminal = process.stdin.isTTY === true
  if (terminal) process.stderr.write(prompt)
  const hidden = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: hidden, terminal })
  try {
    for await (const line of lines) return line
    return ''
  } finally {
    lines.close()
    if (terminal) process.stderr.write('\n')
  }
}

/** All that is piped in, without the line end that shells put behind it; a line typed unseen at a terminal. */
export async function readUnseen(prompt: string): Promise<string> {
  return process.stdin.isTTY === true ? await readUnseenLine(prompt) : (await text(process.stdin)).replace(/\r?\n$/, '')
}
