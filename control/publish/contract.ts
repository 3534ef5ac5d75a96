import type { EditorNode, Problem } from '../../runtime/core/flow.ts'
import type { Actor, Lifecycle, ManagedApi, ManagedApiInput } from '../consumers-contract.ts'

/**
 * Makes APIs of what is there already: of a URL, or of an OpenAPI document. What comes out is a flow like any other, that people
 * open and extend, and the record of an API.
 */
export interface Publishing {
  /** Says what `register` would do, and changes nothing. Problems are part of the answer, as far as the input can be read. @throws Refused as `register` */
  preview(input: ApiRegistration | ApiRegistrations, by: Actor): Promise<RegistrationResult>
  /**
   * Puts the flows live in one deploy and writes the records: all of it, or nothing. The asker needs `apis.write` in each
   * organisation and a role that may deploy flows.
   * @throws Refused `record.invalid` 422 and `openapi.invalid` 422 (problems carry JSON pointers), `register.changed` 409 (a person
   * has changed what would be overwritten), `register.flow` 409 (another flow serves the API), `auth.role` 403, and what a deploy and
   * a change of records are refused with
   */
  register(input: ApiRegistration | ApiRegistrations, by: Actor): Promise<RegistrationResult>
}

/** One API to be made, or to be made anew: the same input again changes nothing. */
export interface ApiRegistration {
  /** Id of the API's record. */
  readonly id: string
  /** Of a new record the title of the document, or the id, when absent. */
  readonly name?: string
  readonly organisation: string
  /** Address of the service. Exactly one of `url` and `openapi`. `{id}` or `:id` in it are parameters of `path`. */
  readonly url?: string
  /** An OpenAPI document (2.0, 3.0, 3.1, 3.2): its text, as JSON or YAML, or the document itself. */
  readonly openapi?: string | Readonly<Record<string, unknown>>
  /**
   * Where callers find it. With `url`: the path, `/orders/:id`; that of the URL when absent. With `openapi`: what stands before the
   * document's paths; the base path of its first server when absent, `/` for nothing.
   */
  readonly path?: string
  /** With `url`: what is answered, GET when absent. With `openapi`: operations with these methods only. */
  readonly methods?: readonly string[]
  /** Called instead of the servers that the document names. May begin with `${NAME}`, a variable of the environment. */
  readonly upstream?: string
  /** Callers show an API key, in the header x-api-key; true when absent. */
  readonly auth?: boolean
  /** With `openapi`: requests are held to the document before the service is asked; true when absent. */
  readonly validate?: boolean
  /** With `openapi`: no service is asked, and each operation answers with its example, or with a value that fits its schema. */
  readonly mock?: boolean
  /** Group of APIs that it becomes part of. */
  readonly group?: string
  /** Makes the group when it is not there. */
  readonly createGroup?: boolean
  /** Of the API, such as `v2`. */
  readonly version?: string
  /** What its versions have in common, an id. */
  readonly family?: string
  /** State it is moved to, or asked to be moved to where others have to agree; stays as it is when absent. */
  readonly lifecycle?: Lifecycle
  /** Of a new record: its organisation when absent, or everybody where callers show no key. */
  readonly visibility?: ManagedApiInput['visibility']
  readonly description?: string
  readonly tags?: readonly string[]
  /** Overwrites what people have changed by hand in the flow since it was registered. */
  readonly replace?: boolean
}

/** Several at once, as in a file. */
export interface ApiRegistrations {
  readonly apis: readonly ApiRegistration[]
}

export interface RegistrationResult {
  readonly dryRun: boolean
  readonly apis: readonly RegisteredApi[]
  /** The release that put the flows live; absent when none had to change. */
  readonly release?: number
  /** What a deploy would say: warnings, and in a preview errors as well. */
  readonly problems: readonly Problem[]
}

export interface RegisteredApi {
  readonly id: string
  readonly name: string
  /** Id of the tab. */
  readonly flow: string
  /** What happens to the flow. */
  readonly change: 'add' | 'change' | 'same'
  readonly routes: readonly RegisteredRoute[]
  /** The flow as it is deployed. */
  readonly nodes: readonly EditorNode[]
  /** Nodes by what happens to them. */
  readonly added: number
  readonly changed: number
  readonly removed: number
  /** Nodes that somebody changed by hand and that stay as they are. */
  readonly kept: readonly HandMade[]
  /** Nodes that somebody changed by hand and that are overwritten: only with `replace`. */
  readonly lost: readonly HandMade[]
  /** What is written of the API, and what is asked of its lifecycle. */
  readonly record: ManagedApiInput
  readonly lifecycle?: Lifecycle
  readonly group?: string
  /** The record, once it is written. */
  readonly api?: ManagedApi
}

export interface RegisteredRoute {
  readonly method: string
  /** As callers use it. */
  readonly path: string
  /** As the service callout has it. */
  readonly upstream: string
  readonly summary?: string
  readonly change: 'add' | 'change' | 'same' | 'remove'
}

export interface HandMade {
  readonly node: string
  readonly what: string
  readonly done: 'changed' | 'deleted'
}
