import { signIn } from './control-client.ts'
import type { Output } from './outcome.ts'
import { readUnseenLine } from './read-unseen.ts'

/** `sluice token`: only the token goes to stdout, so that it can be kept in a variable. */
export async function runToken(url: string, user: string, output: Output): Promise<void> {
  const password = await readUnseenLine(`Password of ${user} at ${url}: `)
  const { token, expiresInSeconds } = await signIn(url, user, password)
  output.result(token, { token, expiresInSeconds })
}
