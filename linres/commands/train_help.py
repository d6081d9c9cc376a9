"""What `linres train --help` says beside the options."""

DESCRIPTION = """Train a deep linear residual network stage by stage on DATA and compare the
measured contraction of the excess loss per stage with the rates that theory
gives. Every hypothesis of the theorem that speaks of the method is listed with
its value on DATA, and the rate is proved where all of them hold.

DATA is digits or digits-raw (embedded), one .npz file with arrays X and Y, or
two .npy or .csv files, X and then Y. Samples are rows and are centred. Files
are read once, in little memory, however large they are."""

EPILOG = """methods:
  stacking   each new block starts at momentum times the one before
  zero       each new block starts at zero
  random     each new block starts at normals of variance S^2/d, S = --scale,
             drawn by --seed
  nesterov   Nesterov's accelerated gradient method on the end-to-end map
  gradient   gradient descent on the end-to-end map
  chebyshev  the Chebyshev semi-iteration, best where only mu and L are known
  conjugate-gradient
             the least loss that so many gradients allow, all rows as one system
  end-to-end
             gradient descent on all --depth blocks at once; by line search
             unless there is a --step
  end-to-end-nesterov
             Nesterov's method on them

starts:
  identity   W_0 = I
  near:R     W_0 = W* + a random matrix (by --seed) at which the potential
             Phi_0 is R times what stacking-acceleration allows: inside its
             basin for R < 1; near is near:0.5
  FILE.npy   W_0 from a file of d x d numbers, np.save("w.npy", w)
  End to end, W_0 is made of balanced factors, and FILE.npy may hold
  depth x d x d blocks; zero, random and balanced (by --seed) are starts as
  well: see help(linres.train).

stages:
  --inner K      K steps a stage instead of one
  --train all    (--rule parameter) in stage n all n blocks so far take the
                 steps, each a n-th of --step, instead of the new block alone
  --momentum trained
                 begins as that of theory; before each step on the block it
                 takes one of its own down the loss, and is kept in [0, 1]
  Nothing is proved of these three; of random starts a floor of the mean.

defaults of --momentum and --step:
  q = 1/sqrt(kappa) and L are those of Sigma = E[x x^T], except for
  --rule parameter, which sees the eigenvalues of W Sigma W^T. There the step is
  1/M, M the largest of them at W_0 and at W*, and q = sqrt(m/M), m the smallest
  that is not 0 at W*.
  Near W* the parameter rule is proved to accelerate with settings that leave a
  margin, which these do not: the report names some that do.

components:
  --components K projects X and Y on K principal components, each on its own,
  then rotates Y (orthogonal Procrustes) so that E[y x^T] is symmetric positive
  semidefinite. The start W_0 = I profits: W* has no negative eigenvalue, and no
  singular map lies between I and an invertible W*.

tables (--save, and "final" of --json):
  loss, excess_loss, potential Phi_t, distance |W_t - W*|, block_norm |w_t|, and
  of the run as Nesterov's method with errors lookahead_error |D_t|, step_error
  |e_t| and beta, at each stage; .csv repeats the settings in each row, among
  them network_start, what W_0 is, and block_start, what each new block starts
  at; .npz is read by linres.Trajectory.load

examples:
  linres train digits
  linres train digits --start near
  linres train digits --method zero --stages 500 --plot zero.svg
  linres train digits --rule parameter --json
  linres train digits --save run.csv
  linres train digits --method random --scale 0.01 --inner 5 --seed 3
  linres train digits --rule parameter --train all --momentum trained
  linres train digits-raw --components 20
  linres train digits --method end-to-end --depth 16 --start random
  linres train inputs.csv outputs.csv --ridge 1e-3
  linres train X.npy Y.npy --drop-bad-rows

exit codes: 0 trained (a run that diverges says so in its status), 2 bad input"""
