import type { AssembledFlow } from '../compile/assemble.ts'
import { globalEnv } from '../compile/env.ts'
import type { EnvEntry, Estate } from '../compile/flow.ts'
import { sha256 } from '../compile/hash.ts'
import type { Credentials } from '../core/release.ts'
import { textsOf } from '../core/secrets/secret-reference.ts'

/** A text that is longer is no id. */
const longestId = 200

/** Equal keys, same pipeline: everything it was assembled from, and the credentials it may use; with {@link withVersions}, the secrets as well. */
export function pipelineKey(assembled: AssembledFlow, estate: Estate, credentials: Credentials): string {
  if (Object.keys(credentials).length === 0) return assembled.key
  const own = credentialIds(assembled, estate).flatMap((id) => (Object.hasOwn(credentials, id) ? [[id, credentials[id]]] : []))
  return own.length === 0 ? assembled.key : sha256(`${assembled.key} ${JSON.stringify(own)}`)
}

/**
 * Ids whose credentials a flow may use: its own nodes and containers, its subflow templates, config nodes
 * that they or their environment name, and what holds the global environment.
 */
export function credentialIds({ flow }: AssembledFlow, estate: Estate): string[] {
  const ids = new Set<string>()
  const addEnv = (env: readonly EnvEntry[] = []) => {
    for (const { value, owner } of env) for (const id of [value, owner]) if (typeof id === 'string') ids.add(id)
  }
  addEnv(globalEnv(estate))
  for (const node of flow.nodes.values()) {
    ids.add(node.id).add(node.origin.node)
    for (const id of node.container.credentialIds) ids.add(id)
    addEnv(node.container.env)
    for (const group of node.groups) {
      ids.add(group)
      addEnv(node.container.groups.get(group)?.env)
    }
    for (const [, text] of textsOf(node.properties)) if (text.length <= longestId) ids.add(text)
  }
  // A config node may name another one: the upstream that a callout names has credentials of its own to name. A set goes on with what is added.
  const configs = new Map((estate.global?.nodes ?? []).map((node) => [node.id, node]))
  for (const id of ids) for (const value of Object.values(configs.get(id) ?? {})) if (typeof value === 'string' && configs.has(value)) ids.add(value)
  return [...ids].sort()
}

/** The key of a pipeline that was linked with these versions of secrets. */
export function withVersions(key: string, versions: Iterable<readonly [name: string, version: number]>): string {
  const all = [...versions]
  return all.length === 0 ? key : sha256(`${key} ${JSON.stringify(all)}`)
}
