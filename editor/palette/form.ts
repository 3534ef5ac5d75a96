import type { JsonSchema, NodeDefinition, Text } from '../../runtime/core/node.ts'

/** How one property is edited. Plain data: the page builds the form from it. */
export interface Field {
  readonly name: string
  readonly kind: 'text' | 'multiline' | 'number' | 'boolean' | 'choice' | 'expression' | 'template' | 'code' | 'json' | 'table' | 'typed' | 'config' | 'node' | 'list' | 'group' | 'own'
  readonly label: Text
  readonly hint?: Text
  readonly default: unknown
  readonly required: boolean
  readonly choices?: readonly { readonly value: unknown; readonly label: Text }[]
  /** Columns of a table's rows. */
  readonly columns?: readonly Field[]
  /** Fields inside a group; the first of them says whether the group is there at all. */
  readonly fields?: readonly Field[]
  /** Rows are plain values, not objects. */
  readonly plainRows?: boolean
  /** Property that holds the type of a typed field, and the types it may have. */
  readonly typeField?: string
  readonly types?: readonly string[]
  readonly typeDefault?: string
  /** Words of the node's own among the types, as people read them. */
  readonly typeLabels?: Readonly<Record<string, Text>>
  readonly minimum?: number
  readonly maximum?: number
  readonly integer?: boolean
  readonly pattern?: string
  /** Type of the config node that a `config` field picks. */
  readonly configType?: string
  /** Type of the nodes, on any tab, of which a `node` field picks one. */
  readonly nodeType?: string
  readonly when?: When | readonly When[]
  /** Of a field of kind `own`: the name of the control that a script of ours brings, and what else of the node it edits, with the defaults. */
  readonly control?: string
  readonly also?: Readonly<Record<string, unknown>>
}

/**
 * What other fields must say for this one to mean something: values by field, or by column of a table (`methods.kind`: in any row).
 * Of a list of them one has to hold. One that means nothing is not shown, unless it holds something else than its default.
 */
export type When = Readonly<Record<string, readonly unknown[]>>

/** How a credential is asked for; without it by its own name. */
export interface CredentialText {
  readonly label: Text
  readonly hint?: Text
  readonly when?: When | readonly When[]
}

/** What the page needs to know to show a node of ours in palette and edit dialog. */
export interface FormDescription {
  readonly type: string
  readonly category: string
  readonly color: string
  readonly icon: string
  readonly inputs: 0 | 1
  readonly outputLabels: readonly string[]
  /** For a node with an output for each row of a table: the table, the column that names them, and the outputs behind those. */
  readonly ports?: { readonly rows: string; readonly name: string; readonly behind: readonly string[] }
  readonly configNode: boolean
  readonly label: Text
  readonly summary: Text
  readonly fields: readonly Field[]
  readonly credentials: Readonly<Record<string, 'text' | 'password'>>
  readonly credentialTexts: Readonly<Record<string, CredentialText>>
}

/** What the page adds to a stock form. */
export interface FormAdditions {
  readonly type: string
  readonly fields: readonly Field[]
  readonly choices: NonNullable<NodeDefinition['stockFormChoices']>
}

/** Translations of field texts by property (`headers`, `headers.name` for a column). */
export type FieldTexts = Readonly<Record<string, { readonly title?: string; readonly description?: string; readonly choices?: Readonly<Record<string, string>> }>>

const colors: Readonly<Record<string, string>> = {
  entry: '#e7e7ae', reply: '#e7e7ae', protect: '#f3b567', callout: '#a9d2e8', transform: '#e2d96e', route: '#e2d96e',
  sequence: '#e2d96e', script: '#fdd0a2', fault: '#e49191', link: '#dddddd', debug: '#87a980',
}

/** The edit form of a node, from its definition. */
export function toForm(definition: NodeDefinition, chinese: FieldTexts): FormDescription {
  return {
    type: definition.type,
    category: definition.configNode ? 'config' : definition.category,
    color: definition.color ?? colors[definition.category] ?? '#dddddd',
    icon: definition.icon ?? 'fa-cube',
    inputs: definition.inputs ?? 1,
    outputLabels: portsOf(definition),
    ...(definition.config['x-ports'] === undefined ? {} : { ports: definition.config['x-ports'] as NonNullable<FormDescription['ports']> }),
    configNode: definition.configNode === true,
    label: definition.label,
    summary: definition.summary,
    fields: toFields(definition.config, chinese, ''),
    credentials: Object.fromEntries(Object.entries(definition.credentials ?? {}).map(([name, kind]) => [name, kind === 'text' ? 'text' : 'password'])),
    credentialTexts: (definition.config['x-credentials'] ?? {}) as FormDescription['credentialTexts'],
  }
}

/** What a stock form lacks of a node's config; undefined when it lacks nothing. */
export function toAdditions(definition: NodeDefinition, chinese: FieldTexts): FormAdditions | undefined {
  const { stockFormFields: names = [], stockFormChoices: choices = {} } = definition
  if (names.length === 0 && Object.keys(choices).length === 0) return undefined
  const fields = toFields(definition.config, chinese, '').filter((field) => names.includes(field.name))
  return { type: definition.type, fields: fields.map(withoutDefault), choices }
}

/** Stock flows do not have the property: a node that says nothing of it stays as it is. */
function withoutDefault(field: Field): Field {
  return field.kind === 'choice' ? field : { ...field, default: undefined }
}

/** Ports of a node as it is when it is dropped on the canvas. */
export function portsOf(definition: NodeDefinition): readonly string[] {
  if (typeof definition.outputs !== 'function') return definition.outputs
  try {
    return definition.outputs(defaultsOf(definition.config))
  } catch {
    return [] // a node whose ports need a config that has no default starts without any
  }
}

/** The config that a schema's defaults make. */
function defaultsOf(schema: JsonSchema): Record<string, unknown> {
  const defaults: Record<string, unknown> = {}
  for (const [name, property] of propertiesOf(schema)) if ('default' in property) defaults[name] = property.default
  return defaults
}

function propertiesOf(schema: JsonSchema): [string, JsonSchema][] {
  return Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)
}

function toFields(schema: JsonSchema, chinese: FieldTexts, prefix: string): Field[] {
  const required = new Set((schema.required ?? []) as string[])
  const properties = propertiesOf(schema)
  const names = new Set(properties.map(([name]) => name))
  const fields: Field[] = []
  for (const [name, property] of properties) {
    if (hintOf(property).control === 'hidden') continue
    // `bodyType` beside `body` is the second half of one typed field.
    if (name.endsWith('Type') && names.has(name.slice(0, -4)) && Array.isArray(property.enum)) continue
    const typeProperty = properties.find(([other]) => other === `${name}Type`)?.[1]
    fields.push(toField(name, property, required.has(name), typeProperty, chinese, prefix + name))
  }
  return fields
}

/** Types of a value that the stock editor has names and icons for; any other is a word of the node's own, which its hint explains. */
const editorTypes = new Set(['msg', 'flow', 'global', 'str', 'num', 'bool', 'json', 'bin', 'date', 're', 'env', 'jsonata'])

function join(first: Text | undefined, second: Text | undefined): Text | undefined {
  if (!first || !second) return first ?? second
  return { en: `${first.en} ${second.en}`, 'zh-TW': `${first['zh-TW']}${second['zh-TW']}` }
}

function toField(name: string, schema: JsonSchema, required: boolean, typeProperty: JsonSchema | undefined, chinese: FieldTexts, path: string): Field {
  const texts = chinese[path] ?? hintOf(schema)['zh-TW'] ?? {}
  const types = Array.isArray(typeProperty?.enum) ? (typeProperty.enum as string[]) : undefined
  const kind = types ? 'typed' : kindOf(schema)
  const ownTypes = types?.filter((type) => !editorTypes.has(type)) ?? []
  const typeTexts = typeProperty ? (chinese[`${path}Type`] ?? hintOf(typeProperty)['zh-TW'] ?? {}) : {}
  const hint = join(toText(schema.description, texts.description), ownTypes.length > 0 ? toText(typeProperty?.description, typeTexts.description) : undefined)
  const items = (schema.items ?? {}) as JsonSchema
  return {
    name,
    kind,
    label: toText(schema.title, texts.title) ?? { en: spaced(name), 'zh-TW': texts.title ?? spaced(name) },
    ...(hint ? { hint } : {}),
    default: schema.default ?? emptyOf(kind),
    required,
    ...(kind === 'choice' ? { choices: choicesOf(schema, texts.choices ?? {}) } : {}),
    ...(kind === 'own' ? { control: String(hintOf(schema).control), also: ownControls[String(hintOf(schema).control)] ?? {} } : {}),
    ...(kind === 'group' ? { fields: toFields(schema, chinese, `${path}.`) } : {}),
    ...(kind === 'table' ? tableOf(items, chinese, path) : {}),
    ...(types ? { types, typeField: `${name}Type`, typeDefault: String(typeProperty?.default ?? types[0]) } : {}),
    ...(ownTypes.length > 0 ? { typeLabels: Object.fromEntries(ownTypes.map((type) => [type, { en: type, 'zh-TW': typeTexts.choices?.[type] ?? type }])) } : {}),
    ...(typeof schema.minimum === 'number' ? { minimum: schema.minimum } : {}),
    ...(typeof schema.maximum === 'number' ? { maximum: schema.maximum } : {}),
    ...(schema.type === 'integer' ? { integer: true } : {}),
    ...(typeof schema.pattern === 'string' ? { pattern: schema.pattern } : {}),
    ...(typeof schema['x-config'] === 'string' ? { configType: schema['x-config'] } : {}),
    ...(typeof schema['x-node'] === 'string' ? { nodeType: schema['x-node'] } : {}),
    ...(hintOf(schema).when ? { when: hintOf(schema).when as When | readonly When[] } : {}),
  }
}

/** `x-form` is the name of a control, or says control, Chinese texts, English words for choices, and when the field means something. */
function hintOf(schema: JsonSchema): { readonly control?: unknown; readonly choices?: Readonly<Record<string, string>>; readonly when?: When | readonly When[]; readonly 'zh-TW'?: FieldTexts[string] } {
  const hint = schema['x-form']
  return typeof hint === 'object' && hint !== null ? hint : { control: hint }
}

function tableOf(items: JsonSchema, chinese: FieldTexts, path: string): Pick<Field, 'columns' | 'plainRows'> {
  if (propertiesOf(items).length > 0) return { columns: toFields(items, chinese, `${path}.`) }
  return { columns: [toField('value', items, true, undefined, chinese, `${path}.value`)], plainRows: true }
}

/** Controls of our own, each with the properties that it edits beside its field. */
const ownControls: Readonly<Record<string, Readonly<Record<string, unknown>>>> = { map: { example: '' } }

function kindOf(schema: JsonSchema): Field['kind'] {
  const wanted = hintOf(schema).control
  if (ownControls[wanted as string]) return 'own'
  if (typeof schema['x-config'] === 'string') return 'config'
  if (typeof schema['x-node'] === 'string') return 'node'
  if (wanted === 'jsonata') return 'expression'
  if (wanted === 'list' || wanted === 'group') return wanted
  if (wanted === 'expression' || wanted === 'template' || wanted === 'code' || wanted === 'multiline' || wanted === 'table') return wanted
  if (Array.isArray(schema.enum) || (Array.isArray(schema.oneOf) && schema.oneOf.every((one) => 'const' in (one as object)))) return 'choice'
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== 'null') : schema.type
  if (type === 'boolean') return 'boolean'
  if (type === 'number' || type === 'integer') return 'number'
  if (type === 'array') return 'table'
  if (type === 'string') return 'text'
  return 'json'
}

function choicesOf(schema: JsonSchema, chinese: Readonly<Record<string, string>>): Field['choices'] {
  const options = Array.isArray(schema.enum)
    ? schema.enum.map((value: unknown) => ({ const: value, title: hintOf(schema).choices?.[String(value)] }))
    : (schema.oneOf as { const: unknown; title?: unknown }[])
  return options.map((option) => {
    const key = String(option.const)
    return { value: option.const, label: toText(option.title, chinese[key]) ?? { en: key, 'zh-TW': chinese[key] ?? key } }
  })
}

function emptyOf(kind: Field['kind']): unknown {
  if (kind === 'boolean') return false
  if (kind === 'table' || kind === 'list') return []
  return kind === 'number' || kind === 'json' || kind === 'group' ? null : ''
}

/** A schema text is English, or already in both languages. */
function toText(value: unknown, chinese: string | undefined): Text | undefined {
  if (typeof value === 'string') return { en: value, 'zh-TW': chinese ?? value }
  if (typeof value === 'object' && value !== null && 'en' in value) return value as Text
  return undefined
}

function spaced(name: string): string {
  const words = name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
