import { watch, type FSWatcher } from 'node:fs'
import { join } from 'node:path'
import type { Part } from './supervisor.ts'

/** What has to start again when a file of the project changes; nothing for tests and documents. */
export function partsOf(file: string): readonly Part[] {
  if (!/\.(ts|mjs|html|json|css)$/.test(file) || file.endsWith('.test.ts')) return []
  if (file.startsWith('flows/sample-upstream/')) return ['sample']
  if (/^(runtime\/(core|compile|settings)\/|runtime\/settings\.ts|nodes\/)/.test(file)) return ['control', 'gateways']
  if (/^(control|editor|portal)\//.test(file) || file === 'runtime/cli/control-process.ts') return ['control']
  if (file.startsWith('runtime/') && !file.startsWith('runtime/cli/start/') && file !== 'runtime/main.ts') return ['gateways']
  return []
}

/** Calls `changed` with the parts concerned once files have been still for a moment. The result ends it. */
export function watchProject(projectDir: string, changed: (parts: readonly Part[], files: readonly string[]) => void): () => void {
  const pending = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  const settle = () => {
    const files = [...pending]
    pending.clear()
    const parts = [...new Set(files.flatMap(partsOf))]
    if (parts.length > 0) changed(parts, files.filter((file) => partsOf(file).length > 0))
  }
  const watchers: FSWatcher[] = ['runtime', 'nodes', 'control', 'editor', 'portal', 'flows'].map((folder) =>
    watch(join(projectDir, folder), { recursive: true }, (_kind, name) => {
      if (!name) return
      pending.add(`${folder}/${name.replaceAll('\\', '/')}`)
      clearTimeout(timer)
      timer = setTimeout(settle, 150)
    }))
  return () => {
    clearTimeout(timer)
    for (const watcher of watchers) watcher.close()
  }
}
