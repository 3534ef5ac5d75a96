import { join, relative, sep } from 'node:path'
import { watchFiles } from '../watch-files.ts'
import type { Part } from './supervisor.ts'

/** What has to start again when a file of the project changes; nothing for tests and documents. */
export function partsOf(file: string): readonly Part[] {
  if (!/\.(ts|mjs|html|json|css)$/.test(file) || file.endsWith('.test.ts')) return []
  if (file.startsWith('flows/sample-upstream/')) return ['sample']
  if (file.startsWith('auth-server/') || /^runtime\/cli\/(auth-process|run-auth)\.ts$/.test(file)) return ['auth']
  if (file.startsWith('vault/') || /^runtime\/cli\/(vault-process|run-vault)\.ts$/.test(file)) return file === 'vault/contract.ts' ? ['vault', 'control', 'gateways'] : ['vault']
  if (/^(runtime\/(core|compile|settings)\/|runtime\/settings\.ts|nodes\/)/.test(file)) return ['control', 'gateways']
  if (/^(control|editor|portal)\//.test(file) || file === 'runtime/cli/control-process.ts') return ['control']
  if (file.startsWith('runtime/') && !file.startsWith('runtime/cli/start/') && file !== 'runtime/main.ts') return ['gateways']
  return []
}

/** Calls `changed` with the parts concerned once files have been still for a moment. The result ends it. */
export function watchProject(projectDir: string, changed: (parts: readonly Part[], files: readonly string[]) => void): Promise<() => void> {
  const nameOf = (file: string) => relative(projectDir, file).split(sep).join('/')
  return watchFiles({
    folders: ['runtime', 'nodes', 'control', 'editor', 'portal', 'auth-server', 'vault', 'flows'].map((folder) => join(projectDir, folder)),
    matters: (file) => partsOf(nameOf(file)).length > 0,
    changed: (files) => changed([...new Set(files.flatMap((file) => partsOf(nameOf(file))))], files.map(nameOf)),
  })
}
