import type { Problem } from '../../runtime/core/flow.ts'

/** What an API record says of the flow that it names. */
export interface FlowVisibility {
  readonly flow: string
  readonly api: string
  readonly visibility: string
}

/**
 * Warnings about public routes, said plainly where the record of the API is against it: gateways refuse every call of those.
 * Others stay as they are.
 */
export async function nameNotPublic(warnings: readonly Problem[], visibilityOf: (flows: readonly string[]) => Promise<readonly FlowVisibility[]>): Promise<readonly Problem[]> {
  const flows = new Set(warnings.flatMap(({ code, flow }) => (code === 'route.public' && flow !== undefined ? [flow] : [])))
  if (flows.size === 0) return warnings
  const hidden = new Map((await visibilityOf([...flows])).filter(({ visibility }) => visibility !== 'public').map((one) => [one.flow, one]))
  return warnings.map((warning) => {
    const record = warning.code === 'route.public' ? hidden.get(warning.flow ?? '') : undefined
    return record ? toNotPublic(warning, record) : warning
  })
}

/** The warning for a record that stands against a flow whose routes ask nobody. */
export function toNotPublic(warning: Problem, { api, visibility }: Omit<FlowVisibility, 'flow'>): Problem {
  return {
    ...warning,
    code: 'route.not_public',
    message: `${warning.message.replace(/ can be called by anybody: .*$/, '')} answers nobody: nothing in front asks who calls, and the record of the API “${api}” says that it is not public (visibility ${visibility}).`,
    remedy: 'Check the caller by an auth node right behind http in or in a global policy, or make the API public in its record.',
  }
}
