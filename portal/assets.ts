import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { lookUp } from '../runtime/core/saying.ts'
import { sendText } from './web/reply.ts'

const types: Readonly<Record<string, string>> = {
  'portal.css': 'text/css; charset=utf-8',
  'portal.js': 'text/javascript; charset=utf-8',
  'mark.svg': 'image/svg+xml',
}

/** Sends one of the pages' few files; only names on the list exist. */
export async function sendAsset(response: ServerResponse, name: string): Promise<void> {
  const type = lookUp(types, name)
  if (!type) return sendText(response, 404, 'text/plain; charset=utf-8', 'Not Found')
  const text = await readFile(new URL(`./assets/${name}`, import.meta.url), 'utf8')
  response.setHeader('cache-control', 'public, max-age=300')
  sendText(response, 200, type, text)
}
