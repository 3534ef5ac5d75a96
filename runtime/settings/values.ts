import type { SettingSchema } from './schema.ts'

/** A text of the environment as the value its schema asks for; what cannot be read stays text and the schema refuses it. */
export function valueOfText(text: string, schema: SettingSchema): unknown {
  switch (schema.type) {
    case 'integer': return integerOf(text, schema)
    case 'boolean': return /^(on|true|1|yes)$/i.test(text) ? true : /^(off|false|0|no)$/i.test(text) ? false : text
    case 'array': return text.split(',').map((item) => item.trim()).filter((item) => item.length > 0)
    case 'object': return jsonOf(text)
    default: return text
  }
}

/** The text that {@link valueOfText} reads back as `value`. */
export function textOfValue(value: unknown): string {
  if (Array.isArray(value)) return value.join(',')
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function integerOf(text: string, schema: SettingSchema): unknown {
  const found = /^\s*(-?\d{1,15})\s*(KB|MB)?\s*$/i.exec(text)
  if (!found || (found[2] && !schema.expects.startsWith('bytes'))) return text
  const unit = found[2]?.toUpperCase()
  return Number(found[1]) * (unit === 'MB' ? 1_048_576 : unit === 'KB' ? 1024 : 1)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
