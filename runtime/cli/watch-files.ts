import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

export interface WatchedFiles {
  readonly folders: readonly string[]
  /** Which files matter, by path. */
  readonly matters: (file: string) => boolean
  /** Told the paths of files that came, went or changed, once they have been still for one look. */
  readonly changed: (files: readonly string[]) => void
  readonly everyMs?: number
}

type Marks = ReadonlyMap<string, string>

/**
 * Looks at the files below some folders again and again. Node's recursive `watch` loses a file that is
 * replaced by another of its name, as editors save, and fails when one vanishes at the wrong moment; and
 * no notice of the system crosses a mounted volume.
 * @returns what ends it
 */
export async function watchFiles({ folders, matters, changed, everyMs = 300 }: WatchedFiles): Promise<() => void> {
  let known = await look(folders, matters)
  let before = known
  let ended = false
  let timer = setTimeout(again, everyMs)

  async function again(): Promise<void> {
    const now = await look(folders, matters)
    if (ended) return
    // What moved since the last look is perhaps still being written.
    if (differences(before, now).length === 0) {
      const files = differences(known, now)
      known = now
      if (files.length > 0) changed(files)
    }
    before = now
    timer = setTimeout(again, everyMs)
  }

  return () => {
    ended = true
    clearTimeout(timer)
  }
}

async function look(folders: readonly string[], matters: (file: string) => boolean): Promise<Marks> {
  const marks = new Map<string, string>()
  for (const folder of folders) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
    const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name)).filter(matters)
    for (const file of files) {
      const found = await stat(file).catch(() => undefined) // gone meanwhile
      if (found) marks.set(file, `${found.mtimeMs} ${found.size} ${found.ino}`)
    }
  }
  return marks
}

function differences(before: Marks, now: Marks): string[] {
  return [...new Set([...before.keys(), ...now.keys()])].filter((file) => before.get(file) !== now.get(file))
}
