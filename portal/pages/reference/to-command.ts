import { asList, asObject, follow, type Json } from './read-json.ts'

export interface CommandFacts {
  readonly method: string
  readonly path: string
  readonly operation: Json
  readonly document: Json
  readonly server: string
}

/** How an operation is called with curl: placeholders in capitals, quoted for a POSIX shell. */
export function toCommand({ method, path, operation, document, server }: CommandFacts): string {
  const lines = [`curl ${method === 'GET' ? '' : `-X ${method} `}${quote(server + path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => toPlaceholder(name)) + toQuery(operation, document))}`]
  for (const header of toHeaders(operation, document)) lines.push(`-H ${quote(header)}`)
  const content = Object.entries(asObject(follow(document, operation['requestBody'])['content']))
  const [type, media] = content.find(([one]) => /[/+]json\b/.test(one)) ?? content[0] ?? []
  if (type !== undefined) {
    lines.push(`-H ${quote(`Content-Type: ${type}`)}`)
    const { example, schema } = asObject(media)
    const shown = example ?? asList(asObject(schema)['examples'])[0]
    lines.push(`-d ${quote(shown === undefined ? (/json/.test(type) ? '{}' : '…') : typeof shown === 'string' ? shown : JSON.stringify(shown).slice(0, 1000))}`)
  }
  return lines.join(' \\\n  ')
}

function toQuery(operation: Json, document: Json): string {
  const names = asList(operation['parameters']).map((one) => follow(document, one)).filter((one) => one['in'] === 'query' && one['required'] === true).map((one) => String(one['name']))
  return names.length === 0 ? '' : `?${names.map((name) => `${encodeURIComponent(name)}=${toPlaceholder(name)}`).join('&')}`
}

function toHeaders(operation: Json, document: Json): string[] {
  const required = asList(operation['parameters']).map((one) => follow(document, one)).filter((one) => one['in'] === 'header' && one['required'] === true).map((one) => `${String(one['name'])}: ${toPlaceholder(String(one['name']))}`)
  const schemes = asObject(asObject(document['components'])['securitySchemes'])
  const [way] = asList(operation['security'])
  for (const name of Object.keys(asObject(way))) {
    const scheme = asObject(schemes[name])
    if (scheme['type'] === 'apiKey' && scheme['in'] === 'header') required.push(`${String(scheme['name'])}: KEY`)
    if (scheme['type'] === 'http' && scheme['scheme'] === 'bearer') required.push('Authorization: Bearer TOKEN')
    if (scheme['type'] === 'http' && scheme['scheme'] === 'basic') required.push('Authorization: Basic CREDENTIALS')
  }
  return required
}

const toPlaceholder = (name: string) => name.replace(/[^A-Za-z0-9]+/g, '_').toUpperCase()

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
