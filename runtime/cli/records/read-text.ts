import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { CommandFailed, exitCodes } from '../outcome.ts'

/** What is in a file; `-`: what comes in on stdin. @throws CommandFailed, wrong usage, when it cannot be read */
export async function readText(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')
  } catch (thrown) {
    throw new CommandFailed(`${file} could not be read (${(thrown as NodeJS.ErrnoException).code ?? String(thrown)}).`, { file }, exitCodes.usage)
  }
}
