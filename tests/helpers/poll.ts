export { waitFor } from '../../dev/wait-for.ts';
