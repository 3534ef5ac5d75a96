import { labelsOfJsonata } from '../../compile/labels/jsonata-labels.ts'
import { parsePathTemplate, TemplateError } from '../values/path-template.ts'
import { LabelMap, unionOf } from './label-map.ts'
import { labelPathOf, toLabelPath } from './label-path.ts'

/**
 * What a typed input of the editor carries. Text may hold `{{payload.x}}` where `templates` says so. Contexts carry nothing: what is
 * labelled is not let into them.
 */
export function labelsOfValue(value: unknown, type: string | undefined, message: LabelMap, { templates = false }: { readonly templates?: boolean } = {}): LabelMap {
  if (message.isEmpty) return message
  switch (type) {
    case 'msg': {
      const path = labelPathOf(String(value))
      return path ? message.at(path) : message.anywhere
    }
    case 'jsonata':
      return labelsOfJsonata(String(value), message)
    case 'str':
      return templates ? labelsOfTemplate(String(value ?? ''), message) : LabelMap.none
    default:
      return LabelMap.none
  }
}

/** What the result of a JSONata expression carries: `$` is `root`, and `$name` one of `names`. */
export function labelsOfExpression(text: string, root: LabelMap, names: Readonly<Record<string, LabelMap>> = {}): LabelMap {
  return labelsOfJsonata(text, root, names)
}

/** What a text with `{{payload.x}}` in it carries; sections and partials may read anything. */
export function labelsOfTemplate(text: string, message: LabelMap): LabelMap {
  if (message.isEmpty || !text.includes('{{')) return LabelMap.none
  try {
    const { parts } = parsePathTemplate(text.replace(/\{\{\s*\+/g, '{{'))
    return unionOf(parts.flatMap((part) => (typeof part === 'string' ? [] : [message.at(toLabelPath(part))]))).anywhere
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return message.anywhere
  }
}
