import type { ErrorObject } from 'ajv'
import type { EditorNode, FlowDocument, Problem } from '../core/flow.ts'
import type { NodeDefinition } from '../core/node.ts'
import { structuralTypes, type Catalogue, type Configured } from './catalogue.ts'
import { checkJsonata } from './check-expression.ts'
import { checkSecretReferences } from './check-secret-references.ts'
import { readEnv } from './expand.ts'
import type { Estate } from './flow.ts'
import { ownProperties } from './own-properties.ts'
import { withStandIns } from './secret-places.ts'
import { checkTabPriority } from './tab-priority.ts'
import { checkTabVersion } from './tab-version.ts'

/**
 * What can be said of one document by itself: known types, configs that fit, wires that land somewhere on the same canvas.
 * Of one that was `checked` before by this version, the nodes are not asked again: parsing every script twice is a good part of a start.
 */
export function checkDocument(document: FlowDocument, estate: Estate, catalogue: Catalogue, checked = false): Problem[] {
  if (document.nodes[0]?.type === 'tab' && document.nodes[0].disabled === true) return []
  const problems: Problem[] = []
  const members = new Map(document.nodes.map((node) => [node.id, node]))
  for (const node of document.nodes) {
    if (node.d !== true) problems.push(...checkEnv(node, document), ...checkTabVersion(node, document), ...checkTabPriority(node, document), ...checkSecretReferences(node, catalogue.get(node.type), document))
    if (node.d === true || node.type === 'tab' || node.type === 'subflow' || node.type === 'group') continue
    const place = { flow: document.id, node: node.id }
    problems.push(...checkPlace(node, document, place), ...checkWires(node, members, place))
    if (node.type.startsWith('subflow:')) continue // looked at where it is expanded
    const definition = catalogue.get(node.type)
    if (definition) problems.push(...checkConfig(node, definition, document, estate, catalogue, checked))
    else if (!structuralTypes.has(node.type)) problems.push(unknownType(node, catalogue, place))
  }
  return problems
}

/** Variables that are expressions: what does not compile is found before any gateway evaluates it. */
function checkEnv(node: EditorNode, document: FlowDocument): Problem[] {
  if (!Array.isArray(node.env)) return []
  return readEnv(node.env).flatMap(({ name, type, value }): Problem[] => {
    const found = type === 'jsonata' ? checkJsonata(String(value)) : undefined
    if (!found) return []
    return [{ severity: 'error', ...found, flow: document.id, ...(node.id === document.id ? {} : { node: node.id }), property: 'env', message: `The variable “${name}” of ${nameOf(node)}: ${found.message}` }]
  })
}

type Place = { readonly flow: string; readonly node: string }
type Named = { readonly id: string; readonly type: string; readonly name?: unknown }

function checkPlace(node: EditorNode, document: FlowDocument, place: Place): Problem[] {
  if (document.kind !== 'global' || !node.z) return []
  return [{
    severity: 'error', code: 'node.homeless', ...place,
    message: `${nameOf(node)} lies on a tab “${node.z}” that does not exist.`,
    remedy: 'Import the tab together with its nodes, or remove the node.',
  }]
}

function checkWires(node: EditorNode, members: ReadonlyMap<string, EditorNode>, place: Place): Problem[] {
  const wires = (node.wires as readonly (readonly string[])[] | undefined) ?? []
  return [...new Set(wires.flat())].flatMap((target): Problem[] => {
    const found = members.get(target)
    if (found && found.type !== 'group' && found.type !== 'tab') return []
    return [{
      severity: 'error', code: 'wire.nowhere', ...place,
      message: `A wire of ${nameOf(node)} leads to “${target}”, which is not on this canvas.`,
      remedy: 'Remove the wire, or use a link out and a link in node to reach another tab.',
    }]
  })
}

function checkConfig(node: EditorNode, definition: NodeDefinition, document: FlowDocument, estate: Estate, catalogue: Catalogue, checked: boolean): Problem[] {
  const place = { flow: document.id, node: node.id }
  const properties = withStandIns(definition, ownProperties(node))
  let configured
  try {
    configured = catalogue.configure(definition, properties)
  } catch (thrown) {
    return [unreadable(node, place, thrown)]
  }
  return judgeConfig(node, checked ? { ...definition, check: undefined } : definition, configured, place, estate)
}

/** What is wrong with a config that could be read: what its schema refuses, then what its node refuses. Never throws. */
export function judgeConfig(node: Named, definition: NodeDefinition, configured: Configured, place: Place, estate: Estate): Problem[] {
  const errors = configured.errors.filter((error) => !isSubstituted(configured.config, error.instancePath))
  if (errors.length > 0) return errors.slice(0, 5).map((error) => schemaProblem(node, error, place))
  try {
    const said = definition.check?.(configured.config, {
      node: { id: node.id, ...(typeof node.name === 'string' && node.name ? { name: node.name } : {}), flow: place.flow },
      typeOf: (id) => estate.records.get(id)?.type,
    })
    return (said ?? []).map((problem) => ({ severity: 'error', ...problem, ...place }))
  } catch (thrown) {
    return [unreadable(node, place, thrown)]
  }
}

function schemaProblem(node: Named, error: ErrorObject, place: Place): Problem {
  const property = propertyOf(error)
  const allowed = Array.isArray(error.params.allowedValues) ? ` (${error.params.allowedValues.join(', ')})` : ''
  return {
    severity: 'error', code: 'config.invalid', ...place, ...(property ? { property } : {}),
    message: `${nameOf(node)}: ${property ? `“${property}” ` : ''}${error.message ?? 'is not valid'}${allowed}.`,
    remedy: 'Open the node, correct this field, and deploy again.',
  }
}

/** The property that a schema error is about, as `a.b`; empty when it is about the config as a whole. */
export function propertyOf(error: ErrorObject): string {
  return (error.instancePath.slice(1) || String(error.params.missingProperty ?? '')).replaceAll('/', '.')
}

function unreadable(node: Named, place: Place, thrown: unknown): Problem {
  return {
    severity: 'error', code: 'config.unreadable', ...place,
    message: `The settings of ${nameOf(node)} cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}.`,
    remedy: 'Open the node, set it up again, and deploy.',
  }
}

function unknownType(node: EditorNode, catalogue: Catalogue, place: Place): Problem {
  const notYet = catalogue.notYet(node.type)
  if (notYet?.never) {
    return {
      severity: 'error', code: 'node.refused', ...place,
      message: `“${node.type}” is not run here: it would reach the server's own files, processes or network.`,
      remedy: 'Replace it by a service callout to a service that does this work, or disable the node.',
    }
  }
  if (notYet) {
    return {
      severity: 'error', code: 'node.not_available', ...place,
      message: `“${node.type}” is not available yet.`,
      remedy: 'Use another node, a function for instance, or disable this one. The README lists what is not available yet.',
    }
  }
  return {
    severity: 'error', code: 'node.unknown', ...place,
    message: `There is no node type “${node.type}”.`,
    remedy: 'Remove the node or disable it. Nodes from the Node-RED palette cannot be installed here.',
  }
}

/** A value that an environment variable will replace cannot be judged before that. */
function isSubstituted(config: unknown, pointer: string): boolean {
  let value: unknown = config
  for (const key of pointer.split('/').slice(1)) value = (value as Record<string, unknown> | undefined)?.[key]
  return typeof value === 'string' && /^\$[{(]/.test(value)
}

/** How a person would name the node: its label and type. */
export function nameOf(node: Named): string {
  return typeof node.name === 'string' && node.name !== '' ? `“${node.name}” (${node.type})` : `“${node.id}” (${node.type})`
}
