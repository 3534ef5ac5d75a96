import { configVariable, settingNames, settingSchemas, variableOf } from './schema.ts'
import { textOfValue } from './values.ts'

/** The settings page of the manual, as Markdown. A test holds docs/settings.md to it. */
export function describeSettings(): string {
  const sections = new Map<string, string[]>()
  for (const name of settingNames) {
    const schema = settingSchemas[name]
    const lines = sections.get(schema.section) ?? []
    sections.set(schema.section, lines)
    const text = [`${schema.title}.`, schema.description ?? '', `Takes ${schema.expects}.`, schema.secret ? '**Secret.**' : ''].filter(Boolean).join(' ')
    lines.push(`| \`${variableOf(name)}\` | \`${name}\` | ${defaultOf(schema.default)} | ${text.replaceAll('|', '\\|')} |`)
  }
  const tables = [...sections].map(([title, lines]) => `## ${title}\n\n| variable | in the file | default | what |\n|---|---|---|---|\n${lines.join('\n')}\n`)
  return `${introduction}\n${tables.join('\n')}`
}

const introduction = `<!-- Generated from runtime/settings/schema.ts by \`npm run sluice -- settings --markdown\`; do not edit. -->
# Settings

Every setting has a variable of the environment and a name for the settings file. The environment wins.
The file is the one that \`${configVariable}\` names, else \`sluice.json\` in the working folder, else \`sluice.json\` in the
data folder; \`${configVariable}=off\` reads none. An unknown name or a wrong value stops the start with a sentence
that says what is expected.

\`\`\`json
{ "gatewayPort": 9000, "trustedProxies": ["10.0.0.0/8"] }
\`\`\`

A gateway process is given only what it needs: never the database, the administrator's password or the credential key.
`

function defaultOf(value: unknown): string {
  if (value === undefined) return ''
  const text = textOfValue(value)
  return text === '' || text === '{}' ? 'none' : `\`${text}\``
}
