import type { Actor, ManagedApi } from '../consumers-contract.ts'

/** What callers read of an API: made of what is deployed, so that it is never older than that. */
export interface Descriptions {
  /**
   * The OpenAPI 3.1 document of an API. Without an asker it is for everybody, and of public APIs that are offered only.
   * @throws Refused `record.none` 404 when there is no such API, or none that the asker may see; `describe.flow` 404 when its flow is
   * not deployed
   */
  reference(id: string, by: Actor | undefined, options: DescribeOptions): Promise<ApiReference>
}

export interface DescribeOptions {
  /** Where gateways serve, as callers reach them. */
  readonly servers: readonly string[]
}

export interface ApiReference {
  readonly api: Pick<ManagedApi, 'id' | 'name' | 'lifecycle' | 'organisation'>
  readonly document: Readonly<Record<string, unknown>>
}
