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
 * Help of a node in Markdown: the parts of `help.md` under the headings `## en` and `## zh-TW`. A node
 * without help has its summary.
 */
export async function loadHelp(definition: NodeDefinition): Promise<Text> {
  const text = (await readText(join(nodesDir, folderOf(definition.type), 'help.md'))) ?? ''
  const parts = new Map(text.split(/^## (?=(?:en|zh-TW)\s*$)/m).map((part) => [/^\S*/.exec(part)![0], part.replace(/^\S*/, '').trim()]))
  const helpIn = (language: keyof Text) => {
    const more = definition.moreHelp?.(language)
    return `${parts.get(language) || definition.summary[language]}${more === undefined ? '' : `\n\n${more}`}`
  }
  return { en: helpIn('en'), 'zh-TW': helpIn('zh-TW') }
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}
