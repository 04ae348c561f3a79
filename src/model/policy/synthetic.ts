/** Names that no object can have: a namespace's has no slash, and a label's prefix is not empty. */

/** The scope of nodes, which selectors over namespaces never meet. */
export const NODES = '//nodes';

/** The label by which pods are selected that run as a service account. */
export const SERVICE_ACCOUNT = '//service-account';
