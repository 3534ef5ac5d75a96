import { readFileSync, watch, type FSWatcher } from 'node:fs'
import { basename, dirname } from 'node:path'

const settleMs = 200

/**
 * Calls `changed` when what is in one of the files changed, by notification and, because network and container file systems often give
 * none, by looking every `pollMs`. Files that belong together, such as a certificate and its key, are often written a moment apart: who is
 * called finds what is there then, and is called again when the rest has come. `changed` must not throw.
 * @returns what stops the watching
 */
export function watchContents(paths: readonly string[], changed: () => void, pollMs = 30_000): () => void {
  let known = fingerprint(paths)
  let settle: NodeJS.Timeout | undefined

  function look(): void {
    const now = fingerprint(paths)
    if (now === known) return
    known = now
    changed()
  }
  function soon(): void {
    clearTimeout(settle)
    settle = setTimeout(look, settleMs).unref()
  }

  const names = new Set(paths.map((path) => basename(path)))
  const watchers: FSWatcher[] = []
  for (const folder of new Set(paths.map((path) => dirname(path)))) {
    try {
      // The folder, not the file: renewals replace files, and links to them, instead of writing into them.
      watchers.push(watch(folder, { persistent: false }, (_event, name) => (name === null || names.has(name) || name.startsWith('..')) && soon()).on('error', () => {}))
    } catch {
      // The poll is enough.
    }
  }
  const poll = setInterval(look, pollMs).unref()
  return () => {
    clearInterval(poll)
    clearTimeout(settle)
    for (const watcher of watchers) watcher.close()
  }
}

function fingerprint(paths: readonly string[]): string {
  return paths
    .map((path) => {
      try {
        return readFileSync(path, 'base64')
      } catch {
        return ''
      }
    })
    .join('\n')
}
