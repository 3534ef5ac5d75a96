import type { GatewayCommand } from '../../runtime/core/deployer.ts'
import type { Audit } from '../audit.ts'
import type { Access } from '../consumers/rights.ts'
import { Refused, type Actor, type Right } from '../contract.ts'

/** What a gateway said to a command. */
export interface GatewayAnswer {
  readonly gateway: string
  readonly result?: unknown
  readonly error?: string
}

/** What operators do on gateways, by control: who may, how gateways are asked, and where it is written down. */
export interface OperatorDesk {
  readonly audit: Pick<Audit, 'add'>
  access(by: Actor): Promise<Access>
  /** Asks every connected gateway; answers of those who replied in time. */
  command(command: GatewayCommand): Promise<readonly GatewayAnswer[]>
}

/**
 * What is on gateways is of gateways and not of an organisation: a right in one of them does not reach there.
 * @throws Refused `auth.role` 403
 */
export async function needOperator({ access }: Pick<OperatorDesk, 'access'>, right: Right, by: Actor): Promise<void> {
  if (!(await access(by)).everywhere.has(right)) throw new Refused('auth.role', 403, 'Only operators and administrators may do this.')
}
