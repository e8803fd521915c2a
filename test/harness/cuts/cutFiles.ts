/** Names the folder in which each program finds, under its process id, the ports that it cannot reach. */
export const CUTS_VARIABLE = 'KARMESH_TEST_CUTS';
