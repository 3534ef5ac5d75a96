import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { LabelPathError, parseLabelPath, type WrittenPath } from '../../runtime/core/labels/label-path.ts'
import type { LabelFacts, LabelsOut } from '../../runtime/core/labels/labels.ts'
import { labelsOfNames } from '../../runtime/core/labels/names.ts'
import { protect, type ProtectedField, reveal } from '../../runtime/core/labels/protect.ts'
import { type CryptoConfig, isBeside } from './crypto-config.ts'

type Meant = Pick<CryptoConfig, 'operation' | 'signature' | 'what' | 'property' | 'fields'> & Partial<Pick<CryptoConfig, 'field'>>

/** What is known of a message after its data was encrypted, decrypted or signed. */
export function labelsOfCrypto(config: Meant, input: LabelMap, { node }: LabelFacts): LabelsOut {
  // The name of the place that a signature is put into may say something.
  const named = config.operation === 'sign' ? labelsOfNames(config.field ?? '', input) : LabelMap.none
  return { ok: after(config, input, node).and(named), invalid: input }
}

function after(config: Meant, input: LabelMap, node: LabelFacts['node']): LabelMap {
  const fields = fieldsOf(config)
  switch (config.operation) {
    case 'encrypt':
      return protect(input, fields, { by: 'cipher', flow: node.flow, node: node.id })
    case 'decrypt':
      return reveal(input, fields, 'cipher')
    default:
      // A signed text holds its content for everybody to read; a signature beside it holds none.
      return isBeside(config) ? input : fields.flatMap(({ field }) => readPath(field)).reduce((map, { path }) => map.put(path, map.at(path).anywhere), input)
  }
}

/** The places as labels write them: from the message. */
function fieldsOf({ what, property, fields }: Meant): readonly ProtectedField[] {
  const at = property.replace(/^msg\./, '')
  if (what === 'body') return [{ by: 'path', field: at }]
  return fields.map(({ path }) => ({ by: 'path', field: at === 'payload' ? path.trim() : `${at}${path.trim().slice(1)}` }))
}

function readPath(text: string): readonly WrittenPath[] {
  try {
    return parseLabelPath(text)
  } catch (error) {
    if (!(error instanceof LabelPathError)) throw error
    return []
  }
}
