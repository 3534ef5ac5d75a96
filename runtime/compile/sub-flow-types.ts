/** Type of the node that calls a flow with declared inputs and outputs, and of the node that such a flow begins with. */
export const subFlowType = 'sub-flow'
export const subFlowInType = 'sub-flow in'
