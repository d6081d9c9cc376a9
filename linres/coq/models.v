(* The structures of prelude.v are those of something: of the real numbers and of 2 x 2 matrices, where the product does
   not commute and transposing and inverting do something. So theorems about them are not about nothing. *)

Definition number_space : Space.
Proof.
  refine (Build_Space R Rplus Rmult Rmult _ _ _ _ _); intros; try ring.
  - apply Rle_0_sqr.
  - specialize (H 1). lra.
Defined.
Definition number_algebra : Algebra.
Proof.
  refine (Build_Algebra number_space 1 Rmult Rinv (fun a => a) _ _ _ _ _ _ _ _ _);
    simpl; intros; try ring; field; assumption.
Defined.
Definition numbers : Matrices.
Proof. refine (Build_Matrices number_algebra (fun a => a) _ _ _ _ _); simpl; intros; ring. Defined.

Inductive square_matrix := entries (a b c d : R).

Definition entry_sum (m n : square_matrix) : square_matrix :=
  match m, n with entries a b c d, entries e f g h => entries (a + e) (b + f) (c + g) (d + h) end.
Definition entry_multiple (r : R) (m : square_matrix) : square_matrix :=
  match m with entries a b c d => entries (r * a) (r * b) (r * c) (r * d) end.
Definition frobenius (m n : square_matrix) : R :=
  match m, n with entries a b c d, entries e f g h => a * e + b * f + c * g + d * h end.
Definition product (m n : square_matrix) : square_matrix :=
  match m, n with
  | entries a b c d, entries e f g h => entries (a * e + b * g) (a * f + b * h) (c * e + d * g) (c * f + d * h)
  end.
Definition determinant (m : square_matrix) : R := match m with entries a b c d => a * d - b * c end.
Definition inverted (m : square_matrix) : square_matrix :=
  match m with entries a b c d => entry_multiple (/ (a * d - b * c)) (entries d (- b) (- c) a) end.
Definition transposed (m : square_matrix) : square_matrix := match m with entries a b c d => entries a c b d end.

Ltac by_entries :=
  simpl; intros; repeat match goal with m : square_matrix |- _ => destruct m end; simpl in *;
  try ring; try (f_equal; ring); try (f_equal; field; assumption).

Definition matrix_space : Space.
Proof.
  refine (Build_Space square_matrix entry_sum entry_multiple frobenius _ _ _ _ _); by_entries.
  - pose proof (Rle_0_sqr a). pose proof (Rle_0_sqr b). pose proof (Rle_0_sqr c). pose proof (Rle_0_sqr d).
    unfold Rsqr in *. lra.
  - pose proof (H (entries 1 0 0 0)). pose proof (H (entries 0 1 0 0)).
    pose proof (H (entries 0 0 1 0)). pose proof (H (entries 0 0 0 1)). simpl in *. f_equal; lra.
Defined.
Definition matrix_algebra : Algebra.
Proof.
  refine (Build_Algebra matrix_space (entries 1 0 0 1) product inverted determinant _ _ _ _ _ _ _ _ _); by_entries.
Defined.
Definition two_by_two : Matrices.
Proof. refine (Build_Matrices matrix_algebra transposed _ _ _ _ _); by_entries. Defined.

Lemma products_do_not_commute : exists a b : two_by_two, mul a b <> mul b a.
Proof.
  exists (entries 0 1 0 0), (entries 0 0 1 0). simpl. intros E. injection E. lra.
Qed.

Print Assumptions two_by_two.
