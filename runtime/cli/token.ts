import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { signIn } from './control-client.ts'
import type { Output } from './outcome.ts'

/** `sluice token`: only the token goes to stdout, so that it can be kept in a variable. */
export async function runToken(url: string, user: string, output: Output): Promise<void> {
  const password = await readPassword(`Password of ${user} at ${url}: `)
  const { token, expiresInSeconds } = await signIn(url, user, password)
  output.result(token, { token, expiresInSeconds })
}

/** A line of stdin; typed unseen when stdin is a terminal. */
async function readPassword(prompt: string): Promise<string> {
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
