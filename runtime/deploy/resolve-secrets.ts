import { mapSecretTexts } from '../compile/secret-places.ts'
import { fault } from '../core/fault.ts'
import type { NodeDefinition } from '../core/node.ts'
import type { Credentials } from '../core/release.ts'
import { replaceReferences, replaceReferencesIn } from '../core/secrets/secret-reference.ts'

/** The values of the secrets that one flow refers to, by name. */
export type SecretValues = ReadonlyMap<string, string>

export const noSecrets: SecretValues = new Map()

/** Credentials with the secrets put in; those that refer to others than the flow's own stay as they are. @throws Fault `config.invalid` */
export function resolveCredentials(credentials: Credentials, values: SecretValues): Credentials {
  if (values.size === 0) return credentials
  return replaceReferencesIn(credentials, (name) => valueOf(name, values))
}

/** Properties of a node with the secrets put in. @throws Fault `config.invalid` */
export function resolveProperties(definition: Pick<NodeDefinition, 'config'>, properties: Readonly<Record<string, unknown>>, values: SecretValues): Readonly<Record<string, unknown>> {
  if (values.size === 0) return properties
  return mapSecretTexts(definition, properties, (text) =>
    replaceReferences(text, (name) => {
      const value = valueOf(name, values)
      if (value.includes('{{')) throw unfit(name, 'two opening braces')
      if (/[\0\r\n]/.test(value)) throw unfit(name, 'a line break')
      return value
    }),
  )
}

function valueOf(name: string, values: SecretValues): string {
  const value = values.get(name)
  if (value === undefined) return `{{secret:${name}}}`
  if (/\$\{[^}]*\}/.test(value)) throw unfit(name, '${…}')
  return value
}

function unfit(name: string, what: string) {
  return fault('config.invalid', { message: `The secret “${name}” holds ${what}, which would mean something there.`, remedy: 'Have another value made for it, or refer to it in callout credentials.' })
}
