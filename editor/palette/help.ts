import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NodeDefinition, Text } from '../../runtime/core/node.ts'

const nodesDir = fileURLToPath(new URL('../../nodes/', import.meta.url))

/** Folder of a node below `nodes/`. */
export function folderOf(type: string): string {
  return type.replace(/[^a-z0-9]+/gi, '-').toLowerCase()
}

/**
 * Help of a node in Markdown: `help.md`, and `help.zh-TW.md` or the part of `help.md` behind a line
 * `<!-- zh-TW -->`. A node without one has its summary.
 */
export async function loadHelp(definition: NodeDefinition): Promise<Text> {
  const folder = join(nodesDir, folderOf(definition.type))
  const [english = '', inline] = ((await readText(join(folder, 'help.md'))) ?? '').split(/^<!-- *zh-TW *-->$/m)
  const chinese = inline ?? (await readText(join(folder, 'help.zh-TW.md')))
  return {
    en: english.trim() || definition.summary.en,
    'zh-TW': chinese?.trim() || definition.summary['zh-TW'],
  }
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}
